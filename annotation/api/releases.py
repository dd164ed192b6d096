"""`projects/{slug}/releases/`: list, request, show and download versions; open a sealed part."""

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
from annotation.formats.released import Part
from annotation.models import Release
from annotation.permissions import Permission, project_for
from annotation.selectors.releases.parts import require_part
from annotation.selectors.releases.versions import release_of, releases_of
from annotation.services.releases.exporting import archive_name, download_release
from annotation.services.releases.opening import open_sealed_part
from annotation.services.releases.requesting import DEFAULT_FORMATS, request_release


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A release as programs see it. `n_masks` and `summary` count the open part."""

    has_sealed_part = serializers.BooleanField(read_only=True)
    sealed_opened_at = serializers.DateTimeField(read_only=True, allow_null=True)

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
            "has_sealed_part",
            "sealed_opened_at",
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


class OpeningSerializer(serializers.Serializer[dict[str, object]]):
    """Why the sealed part is opened."""

    reason = serializers.CharField(max_length=2000)


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
        shown = release_of(project, release.version)
        return Response(ReleaseSerializer(shown).data, status=202)

    def get_queryset(self) -> QuerySet[Release]:
        project = project_for(user_of(self.request), self.kwargs["slug"], Permission.SEE_RELEASES)
        return releases_of(project)


class ReleaseView(APIView):
    """`releases/{version}/`: show one version."""

    @extend_schema(operation_id="get_release", responses={200: ReleaseSerializer, **PROBLEMS})
    def get(self, request: Request, slug: str, version: str) -> Response:
        project = project_for(user_of(request), slug, Permission.SEE_RELEASES)
        return Response(ReleaseSerializer(release_of(project, version)).data)


class ReleaseDownloadView(APIView):
    """Download the open part of a version as a zip file. Every download has the same bytes."""

    @extend_schema(
        operation_id="download_release",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **PROBLEMS},
    )
    def get(self, request: Request, slug: str, version: str) -> HttpResponseBase:
        return _download(request, slug, version, "open")


class SealedDownloadView(APIView):
    """Download the sealed part: curators, and after it was opened everybody who sees releases."""

    @extend_schema(
        operation_id="download_sealed_part",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **PROBLEMS},
    )
    def get(self, request: Request, slug: str, version: str) -> HttpResponseBase:
        return _download(request, slug, version, "sealed")


class SealedOpeningView(APIView):
    """Open the sealed part of a version at its publication. This cannot be undone."""

    @extend_schema(
        operation_id="open_sealed_part",
        request=OpeningSerializer,
        responses={200: ReleaseSerializer, **PROBLEMS},
    )
    def post(self, request: Request, slug: str, version: str) -> Response:
        project = project_for(user_of(request), slug, Permission.OPEN_SEALED)
        payload = OpeningSerializer(data=request.data)
        payload.is_valid(raise_exception=True)
        open_sealed_part(
            release=release_of(project, version),
            actor=user_of(request),
            reason=payload.validated_data["reason"],
        )
        return Response(ReleaseSerializer(release_of(project, version)).data)


def _download(request: Request, slug: str, version: str, part: Part) -> HttpResponseBase:
    user = user_of(request)
    release = release_of(project_for(user, slug, Permission.SEE_RELEASES), version)
    require_part(user, release, part)
    chunks = download_release(release=release, part=part, actor=user)
    response = StreamingHttpResponse(chunks, content_type="application/zip")
    name = f"{archive_name(release, part)}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


urlpatterns: list[URLPattern] = [
    path("projects/<slug:slug>/releases/", ReleasesView.as_view(), name="releases"),
    path("projects/<slug:slug>/releases/<str:version>/", ReleaseView.as_view(), name="release"),
    path(
        "projects/<slug:slug>/releases/<str:version>/download/",
        ReleaseDownloadView.as_view(),
        name="release-download",
    ),
    path(
        "projects/<slug:slug>/releases/<str:version>/sealed/download/",
        SealedDownloadView.as_view(),
        name="sealed-download",
    ),
    path(
        "projects/<slug:slug>/releases/<str:version>/sealed/open/",
        SealedOpeningView.as_view(),
        name="sealed-open",
    ),
]
