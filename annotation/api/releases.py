"""`projects/{slug}/releases/`: list versions, request a version, show or download a version."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.authentication import user_of
from annotation.api.schema import PROBLEMS
from annotation.formats.registry import layout_names
from annotation.models import Project, Release
from annotation.permissions import Permission, project_for
from annotation.selectors.releases.versions import release_of
from annotation.services.releases.exporting import stream_release
from annotation.services.releases.requesting import DEFAULT_FORMATS, request_release


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A release as programs see it."""

    class Meta:
        model = Release
        fields = (
            "id",
            "version",
            "formats",
            "state",
            "done",
            "total",
            "n_masks",
            "manifest_sha256",
            "summary",
            "failure",
            "created_at",
            "frozen_at",
        )
        read_only_fields = fields


class ReleaseRequestSerializer(serializers.Serializer[dict[str, object]]):
    """The version to freeze, and its formats."""

    version = serializers.CharField(max_length=40)
    formats = serializers.ListField(
        child=serializers.ChoiceField(choices=layout_names()),
        default=list(DEFAULT_FORMATS),
        max_length=8,
    )


class ReleasesView(generics.ListAPIView[Release]):
    """List a project's versions, newest first. A curator may request a new version."""

    serializer_class = ReleaseSerializer
    queryset = Release.objects.none()

    @extend_schema(
        operation_id="list_releases",
        responses={200: ReleaseSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.list(request)

    @extend_schema(
        operation_id="request_release",
        request=ReleaseRequestSerializer,
        responses={202: ReleaseSerializer, **PROBLEMS},
    )
    def post(self, request: Request, slug: str) -> Response:
        project = project_for(user_of(request), slug, Permission.MAKE_RELEASES)
        payload = ReleaseRequestSerializer(data=request.data)
        payload.is_valid(raise_exception=True)
        release = request_release(
            project=project,
            version=payload.validated_data["version"],
            actor=user_of(request),
            formats=tuple(payload.validated_data["formats"]),
        )
        return Response(ReleaseSerializer(release).data, status=202)

    def get_queryset(self) -> QuerySet[Release]:
        project = project_for(user_of(self.request), self.kwargs["slug"], Permission.SEE_RELEASES)
        return project.releases.order_by("-created_at", "id")


class ReleaseView(APIView):
    """`releases/{version}/`: show one version."""

    @extend_schema(operation_id="get_release", responses={200: ReleaseSerializer, **PROBLEMS})
    def get(self, request: Request, slug: str, version: str) -> Response:
        return Response(ReleaseSerializer(_release_for(request, slug, version)).data)


class ReleaseDownloadView(APIView):
    """Download one version as a zip file. Every download has the same bytes."""

    @extend_schema(
        operation_id="download_release",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **PROBLEMS},
    )
    def get(self, request: Request, slug: str, version: str) -> HttpResponseBase:
        release = _release_for(request, slug, version)
        response = StreamingHttpResponse(stream_release(release), content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{slug}-{release.version}.zip"'
        return response


def _release_for(request: Request, slug: str, version: str) -> Release:
    project: Project = project_for(user_of(request), slug, Permission.SEE_RELEASES)
    return release_of(project, version)


urlpatterns: list[URLPattern] = [
    path("projects/<slug:slug>/releases/", ReleasesView.as_view(), name="releases"),
    path("projects/<slug:slug>/releases/<str:version>/", ReleaseView.as_view(), name="release"),
    path(
        "projects/<slug:slug>/releases/<str:version>/download/",
        ReleaseDownloadView.as_view(),
        name="release-download",
    ),
]
