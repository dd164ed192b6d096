"""The releases page: versions, the progress of a running release, and the download."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET

from annotation.errors import RoundtruthError
from annotation.models import Project, Release, User
from annotation.permissions import Permission, may, require
from annotation.selectors.releases.selection import select_for_release
from annotation.selectors.releases.signing_keys import known_public_keys
from annotation.selectors.releases.versions import next_version, release_of
from annotation.services.releases.exporting import stream_release
from annotation.services.releases.requesting import request_release, retry_release
from annotation.web.project_page import project_page, render_page

MAX_LISTED = 50


@project_page(Permission.SEE_RELEASES)
def releases(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the versions. A curator can request a new version."""
    if request.method == "POST":
        return _request_or_retry(request, project)
    context = _context(request, project)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "annotation/_releases_live.html", {"project": project, **context})
    selection = select_for_release(project)
    context |= {
        "n_references": len(selection["references"]),
        "n_controls": len(selection["controls"]),
        "next_version": next_version(project),
        "public_keys": known_public_keys(),
    }
    return render_page(
        request, project, "annotation/releases.html", active="releases", context=context
    )


def _context(request: HttpRequest, project: Project) -> dict[str, object]:
    rows = list(project.releases.order_by("-created_at")[:MAX_LISTED])
    return {
        "releases": rows,
        "is_running": any(row.state in (Release.State.DUE, Release.State.RUNNING) for row in rows),
        "may_make": may(request.user, Permission.MAKE_RELEASES, project),
    }


def _request_or_retry(request: HttpRequest, project: Project) -> HttpResponse:
    """Request a new version, or start a failed one again."""
    version, actor = request.POST.get("version", "").strip(), cast("User", request.user)
    try:
        require(actor, Permission.MAKE_RELEASES, project)
        if request.POST.get("verb") == "retry":
            retry_release(release=release_of(project, version), actor=actor)
        else:
            request_release(project=project, version=version, actor=actor)
    except RoundtruthError as error:
        messages.error(request, error.sentence)
    return redirect("releases", project.slug)


@require_GET
@project_page(Permission.SEE_RELEASES)
def download(request: HttpRequest, project: Project, version: str) -> HttpResponse:
    """Stream the release as one zip file."""
    try:
        release = release_of(project, version)
        chunks = stream_release(release)
    except RoundtruthError as error:
        messages.error(request, error.sentence)
        return redirect("releases", project.slug)
    response = StreamingHttpResponse(chunks, content_type="application/zip")
    name = f"{project.slug}-{release.version}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast("HttpResponse", response)


urlpatterns = [
    path("p/<slug:slug>/releases/", releases, name="releases"),
    path("p/<slug:slug>/releases/<str:version>/download/", download, name="release-download"),
]
