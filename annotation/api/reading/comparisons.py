"""Other images of the patient of an open case. `images/{id}/pixels/` serves their pixels."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.authentication import user_of
from annotation.api.reading.cases import CaseImageSerializer, image_body
from annotation.api.schema import PROBLEMS
from annotation.models import Image
from annotation.selectors.reading.access import open_assignment_for
from annotation.selectors.reading.comparisons import comparisons_of

Json = dict[str, object]


class ComparisonSerializer(serializers.Serializer[Image]):
    """Another image of the case's patient. A reader may know nothing more about this image."""

    day = serializers.IntegerField(source="study.day", allow_null=True)
    view = serializers.CharField(source="view_position", allow_blank=True)
    spacing_mm = serializers.FloatField(allow_null=True)
    image = serializers.SerializerMethodField()

    @extend_schema_field(CaseImageSerializer)
    def get_image(self, image: Image) -> Json:
        return image_body(image)


class ComparisonsView(generics.ListAPIView[Image]):
    """List the patient's other images by day, unknown days last. 404 if the case is closed."""

    serializer_class = ComparisonSerializer
    queryset = Image.objects.none()

    @extend_schema(
        operation_id="list_comparisons",
        responses={200: ComparisonSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, assignment_id: UUID) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Image]:
        assignment = open_assignment_for(
            user=user_of(self.request), assignment_id=self.kwargs["assignment_id"]
        )
        return comparisons_of(assignment.image)
