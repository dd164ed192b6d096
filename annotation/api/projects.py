"""`projects/`: the projects of the caller."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.authentication import user_of
from annotation.api.schema import PROBLEMS
from annotation.models import Project
from annotation.permissions import projects_of


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project as its members see it in a list."""

    class Meta:
        model = Project
        fields = ["slug", "name", "time_zone"]


class ProjectsView(generics.ListAPIView[Project]):
    """List the projects that the caller is a member of."""

    serializer_class = ProjectSerializer
    queryset = Project.objects.none()

    @extend_schema(
        operation_id="list_projects",
        responses={200: ProjectSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Project]:
        return projects_of(user_of(self.request)).order_by("slug")
