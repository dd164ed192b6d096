"""Projects, their images for staff, and the next case for a reader."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.general_serializers import OpenAssignmentSerializer, ProjectSerializer
from annotation.api.images.images import ImageSerializer
from annotation.api.persons import person
from annotation.api.reading.cases import CaseSerializer, NextRequestSerializer, case_body
from annotation.api.schema import PROBLEMS
from annotation.errors import Invalid
from annotation.models import Assignment, Image, Project, Split
from annotation.permissions import Permission, project_for, projects_of
from annotation.selectors.images import ImageFilter, images_of
from annotation.selectors.reading.cases import case_of
from annotation.services.reading import next_case

_STATES = ("active", "withdrawn", "all")
_FILTERS = {"group": Image.Group.values, "split": Split.values, "state": _STATES}
_PAGING = {"page", "page_size"}


class ProjectsView(generics.ListAPIView[Project]):
    """`projects/`: those that the caller is a member of."""

    serializer_class = ProjectSerializer
    queryset = Project.objects.none()

    @extend_schema(
        operation_id="list_projects",
        responses={200: ProjectSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Project]:
        return projects_of(person(self.request)).order_by("slug")


class ImagesView(generics.ListAPIView[Image]):
    """`projects/{slug}/images/`: for staff; only the filters listed here are known."""

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
        project = project_for(person(self.request), self.kwargs["slug"], Permission.SEE_IMAGES)
        return images_of(project, _image_filter(self.request)).select_related("patient")


class OpenAssignmentsView(generics.ListAPIView[Assignment]):
    """`projects/{slug}/assignments/`: who holds what, for the curator who may reassign it."""

    serializer_class = OpenAssignmentSerializer
    queryset = Assignment.objects.none()

    @extend_schema(
        operation_id="list_open_assignments",
        responses={200: OpenAssignmentSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Assignment]:
        project = project_for(person(self.request), self.kwargs["slug"], Permission.REASSIGN)
        rows = Assignment.objects.filter(project=project, state__in=Assignment.HELD)
        return rows.select_related("reader").order_by("created_at", "id")


class NextView(APIView):
    """`POST projects/{slug}/next/`: lease the next case."""

    @extend_schema(
        operation_id="lease_next",
        request=NextRequestSerializer,
        responses={200: CaseSerializer, 204: None, **PROBLEMS},
    )
    def post(self, request: Request, slug: str) -> Response:
        project = project_for(person(request), slug, Permission.READ_CASES)
        asked = NextRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        assignment = next_case.lease_next_case(
            project=project,
            reader=person(request),
            is_prefetch=asked.validated_data["prefetch"],
            exclude=asked.validated_data["exclude"],
            purpose=asked.validated_data.get("purpose"),
        )
        if assignment is None:
            return Response(status=204)
        return _private(Response(CaseSerializer(case_body(case_of(assignment))).data))


def _private(response: Response) -> Response:
    response["Cache-Control"] = "no-store"
    return response


def _image_filter(request: Request) -> ImageFilter:
    """Take only the filters listed above: a free one could ask about other tables."""
    given = request.query_params
    for name, value in given.items():
        if name not in _FILTERS and name not in _PAGING:
            known = ", ".join(sorted([*_FILTERS, *_PAGING]))
            raise Invalid(f"There is no filter {name!r}; there are {known}.", field=name)
        if name in _FILTERS and value not in _FILTERS[name]:
            raise Invalid(f"{name} is one of {', '.join(_FILTERS[name])}.", field=name)
    return ImageFilter(
        group=given.get("group", ""),
        split=given.get("split", ""),
        state=given.get("state", "active"),
    )
