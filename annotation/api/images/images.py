"""`projects/{slug}/images/`: the images of a project, for staff. Readers see cases instead."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.authentication import user_of
from annotation.api.schema import PROBLEMS
from annotation.errors import Invalid
from annotation.models import Image, Split
from annotation.permissions import Permission, project_for, require
from annotation.selectors.images import ImageFilter, images_of, sees_sealed
from annotation.selectors.reading.cases import case_key

_STATES = ("active", "withdrawn", "all")
_FILTERS = {"group": Image.Group.values, "split": Split.values, "state": _STATES}
_PAGING = {"page", "page_size"}


class ImageSerializer(serializers.ModelSerializer[Image]):
    """An image as staff see it in a list."""

    split = serializers.CharField(source="patient.split", read_only=True)
    case_key = serializers.SerializerMethodField()

    class Meta:
        model = Image
        fields = [
            "id",
            "case_key",
            "file_name",
            "source",
            "group",
            "finding",
            "view_position",
            "split",
            "width",
            "height",
            "bits",
            "spacing_mm",
            "withdrawn_at",
            "created_at",
        ]

    def get_case_key(self, image: Image) -> str:
        return case_key(image)


class ImagesView(generics.ListAPIView[Image]):
    """List the images of a project, for staff. An unknown filter is refused.

    Only curators see sealed images. For others, `split=sealed` is refused.
    """

    serializer_class = ImageSerializer
    queryset = Image.objects.none()

    @extend_schema(
        operation_id="list_images",
        parameters=[OpenApiParameter(name, str, enum=values) for name, values in _FILTERS.items()],
        responses={200: ImageSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Image]:
        user = user_of(self.request)
        project = project_for(user, self.kwargs["slug"], Permission.SEE_IMAGES)
        wanted = _image_filter(self.request, with_sealed=sees_sealed(user, project))
        if wanted.split == Split.SEALED:
            require(user, Permission.SEE_SEALED_IMAGES, project)
        return images_of(project, wanted).select_related("patient")


def _image_filter(request: Request, *, with_sealed: bool) -> ImageFilter:
    """Return the filter in the query string.

    Raise Invalid for an unknown filter: as a Django lookup it could read other tables.
    """
    query = request.query_params
    for name, value in query.items():
        if name not in _FILTERS and name not in _PAGING:
            known = ", ".join(sorted([*_FILTERS, *_PAGING]))
            raise Invalid(f"There is no filter {name!r}; the filters are {known}.", field=name)
        if name in _FILTERS and value not in _FILTERS[name]:
            raise Invalid(f"{name} must be one of {', '.join(_FILTERS[name])}.", field=name)
    return ImageFilter(
        group=query.get("group", ""),
        split=query.get("split", ""),
        state=query.get("state", "active"),
        with_sealed=with_sealed,
    )
