"""The releases page: versions, progress, the downloads of both parts, and the opening."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET

from annotation.errors import Forbidden, RoundtruthError
from annotation.formats.released import Part
from annotation.models import Project, Release, User
from annotation.permissions import Permission, may, require
from annotation.selectors.releases.parts import mixes_parts, require_part
from annotation.selectors.releases.selection import divide_selection, select_for_release, size_of
from annotation.selectors.releases.signing_keys import known_public_keys
from annotation.selectors.releases.versions import next_version, release_of, releases_of
from annotation.services.releases.exporting import archive_name, download_release
from annotation.services.releases.opening import open_sealed_part
from annotation.services.releases.requesting import request_release, retry_release
from annotation.web.project_page import project_page, render_page

MAX_LISTED = 50


@project_page(Permission.SEE_RELEASES)
def releases(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the versions. A curator can request a new version."""
    if request.method == "POST":
        return _change(request, project)
    context = _context(request, project)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "annotation/_releases_live.html", {"project": project, **context})
    selection = select_for_release(project)
    opened, sealed = divide_selection(project, selection)
    context |= {
        "n_references": len(opened["references"]),
        "n_controls": len(opened["controls"]),
        "n_sealed": size_of(sealed),
        "next_version": next_version(project),
        "public_keys": known_public_keys(),
    }
    return render_page(
        request, project, "annotation/releases.html", active="releases", context=context
    )


def _context(request: HttpRequest, project: Project) -> dict[str, object]:
    rows = list(releases_of(project)[:MAX_LISTED])
    may_have_sealed = may(request.user, Permission.DOWNLOAD_SEALED, project)
    return {
        "releases": rows,
        "may_have_sealed": may_have_sealed,
        "guarded": {
            row.id
            for row in rows
            if mixes_parts(row) and not may_have_sealed and row.sealed_opened_at is None  # type: ignore[attr-defined]
        },
        "may_open": may(request.user, Permission.OPEN_SEALED, project),
        "openable": [row for row in rows if _is_openable(row)],
        "is_running": any(row.state in (Release.State.DUE, Release.State.RUNNING) for row in rows),
        "may_make": may(request.user, Permission.MAKE_RELEASES, project),
    }


def _is_openable(row: Release) -> bool:
    if row.sealed_opened_at is not None:  # type: ignore[attr-defined]
        return False
    return bool(row.has_sealed_part) or mixes_parts(row)  # type: ignore[attr-defined]


def _change(request: HttpRequest, project: Project) -> HttpResponse:
    """Request a new version, start a failed one again, or open a sealed part."""
    version, actor = request.POST.get("version", "").strip(), cast("User", request.user)
    try:
        if request.POST.get("verb") == "open_sealed":
            require(actor, Permission.OPEN_SEALED, project)
            open_sealed_part(
                release=release_of(project, version),
                actor=actor,
                reason=request.POST.get("reason", ""),
            )
            return redirect("releases", project.slug)
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
    """Stream the open part of the release as one zip file."""
    return _download(request, project, version, "open")


@require_GET
@project_page(Permission.SEE_RELEASES)
def download_sealed(request: HttpRequest, project: Project, version: str) -> HttpResponse:
    """Stream the sealed part as one zip file, to curators, and to everybody once it is open."""
    return _download(request, project, version, "sealed")


def _download(request: HttpRequest, project: Project, version: str, part: Part) -> HttpResponse:
    actor = cast("User", request.user)
    try:
        release = release_of(project, version)
        require_part(actor, release, part)
        chunks = download_release(release=release, part=part, actor=actor)
    except Forbidden as error:
        raise PermissionDenied(error.sentence) from None
    except RoundtruthError as error:
        messages.error(request, error.sentence)
        return redirect("releases", project.slug)
    response = StreamingHttpResponse(chunks, content_type="application/zip")
    name = f"{archive_name(release, part)}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast("HttpResponse", response)


urlpatterns = [
    path("p/<slug:slug>/releases/", releases, name="releases"),
    path("p/<slug:slug>/releases/<str:version>/download/", download, name="release-download"),
    path(
        "p/<slug:slug>/releases/<str:version>/sealed/download/",
        download_sealed,
        name="sealed-download",
    ),
]
