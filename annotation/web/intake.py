"""The upload page, and the page with the progress of an import. A worker runs the import."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods

from annotation.errors import NotFound, RoundtruthError
from annotation.models import Image, Intake, Project, User
from annotation.permissions import Permission
from annotation.selectors.images import intake_of, recent_intakes
from annotation.services.intake.staging import Upload, UploadForm, stage_upload
from annotation.web.project_page import project_page, render_page

_RUNNING = (Intake.State.DUE, Intake.State.RUNNING)


# Django's CSRF check reads the whole request body. Check the permission and the size first, so that
# nobody without permission can fill the disk; then `_checked_intake` runs the CSRF check.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@project_page(Permission.IMPORT)
def intake(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the upload form, or store an upload and redirect to its progress."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    is_number = length.isascii() and length.isdigit() and len(length) < 19
    if not is_number or int(length) > settings.MAX_UPLOAD_BYTES:
        limit = settings.MAX_UPLOAD_BYTES // 1024**2
        sentence = f"This upload is larger than {limit} MB. Send it in several parts."
        return _page(request, project, error=sentence, status=413)
    checked: HttpResponse = _checked_intake(request, project)
    return checked


@csrf_protect
def _checked_intake(request: HttpRequest, project: Project) -> HttpResponse:
    if request.method == "GET":
        return _page(request, project)
    try:
        staged = stage_upload(
            project=project, actor=cast("User", request.user), form=_upload_form(request)
        )
    except RoundtruthError as error:
        return _page(request, project, error=error.sentence, status=422)
    return redirect("intake_result", project.slug, staged.id)


@require_GET
@project_page(Permission.IMPORT)
def intake_result(request: HttpRequest, project: Project, intake_id: UUID) -> HttpResponse:
    """Show the progress or the result of an import; answer the page's poll with that part alone."""
    try:
        shown = intake_of(project=project, intake_id=intake_id)
    except NotFound as error:
        raise Http404(error.sentence) from None
    context = {"project": project, "intake": shown, "is_running": shown.state in _RUNNING}
    if request.headers.get("HX-Request"):
        return render(request, "annotation/intake_state.html", context)
    return render_page(
        request, project, "annotation/intake_result.html", active="intake", context=context
    )


def _upload_form(request: HttpRequest) -> UploadForm:
    return UploadForm(
        images=_uploads(request, "images"),
        archive=next(iter(_uploads(request, "archive")), None),
        metadata=next(iter(_uploads(request, "metadata")), None),
        masks=_uploads(request, "masks"),
        lung_masks=_uploads(request, "lung_masks"),
        group=request.POST.get("group", "covid"),
    )


def _uploads(request: HttpRequest, field: str) -> tuple[Upload, ...]:
    return tuple(cast("list[Upload]", request.FILES.getlist(field)))


def _page(
    request: HttpRequest, project: Project, *, error: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "error": error,
        "intakes": recent_intakes(project=project),
        "groups": Image.Group.values,
        "max_megabytes": settings.MAX_UPLOAD_BYTES // 1024**2,
        "max_files": settings.MAX_UPLOAD_FILES,
    }
    return render_page(
        request,
        project,
        "annotation/intake.html",
        active="intake",
        context=context,
        status=status,
    )


urlpatterns = [
    path("p/<slug:slug>/import/", intake, name="intake"),
    path("p/<slug:slug>/import/<uuid:intake_id>/", intake_result, name="intake_result"),
]
