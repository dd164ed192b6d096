"""The pages for images: list, image, thumbnail, preview, withdrawal. Readers have no access."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from annotation import storage
from annotation.errors import NotFound, RoundtruthError
from annotation.models import Image, Project, Split, User
from annotation.permissions import Permission, may
from annotation.selectors.images import (
    FILTER_CHOICES,
    ImageFilter,
    image_page,
    listed_image,
    sees_sealed,
)
from annotation.selectors.reading.access import may_see_lost_drafts
from annotation.selectors.reading.lost_drafts import lost_drafts_on_image
from annotation.services.sightings import record_sighting
from annotation.services.upkeep.withdrawal import erase_image, withdraw_image, withdraw_patient
from annotation.web.project_page import project_page, render_page


@require_GET
@project_page(Permission.SEE_IMAGES)
def images(request: HttpRequest, project: Project) -> HttpResponse:
    """Show one page of the images that the filter leaves."""
    with_sealed = sees_sealed(request.user, project)
    chosen = {name: request.GET.get(name, "") for name in FILTER_CHOICES}
    chosen["state"] = chosen["state"] or "active"
    page = image_page(
        project=project,
        image_filter=ImageFilter(**chosen, with_sealed=with_sealed),
        number=_page_number(request.GET.get("page", "1")),
    )
    choices = FILTER_CHOICES if with_sealed else {**FILTER_CHOICES, "split": [Split.TRAIN.value]}
    context = {"page": page, "chosen": chosen, "choices": choices, "with_sealed": with_sealed}
    return render_page(request, project, "annotation/images.html", active="images", context=context)


@require_GET
@project_page(Permission.SEE_IMAGES)
def image(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Show one image, its facts, the withdrawal form and the masks whose save was refused."""
    shown = _image_or_404(request, project, image_id)
    record_sighting(image=shown, viewer=cast("User", request.user))
    may_see_lost = may_see_lost_drafts(cast("User", request.user), shown)
    context = {
        "image": shown,
        "may_withdraw": may(request.user, Permission.WITHDRAW, project),
        "lost_drafts": lost_drafts_on_image(shown) if may_see_lost else [],
        "kept_days": settings.LOST_DRAFT_DAYS,
    }
    return render_page(request, project, "annotation/image.html", active="images", context=context)


@require_GET
@project_page(Permission.SEE_IMAGES)
def thumbnail(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    return _png(_image_or_404(request, project, image_id).thumbnail_key)


@require_GET
@project_page(Permission.SEE_IMAGES)
def preview(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    shown = _image_or_404(request, project, image_id)
    record_sighting(image=shown, viewer=cast("User", request.user))
    return _png(shown.preview_key)


@require_POST
@project_page(Permission.WITHDRAW)
def withdraw(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """Withdraw an image or a patient, or erase an image, as the form asks."""
    shown = _image_or_404(request, project, image_id)
    actor, reason = cast("User", request.user), request.POST.get("reason", "")
    try:
        if request.POST.get("what") == "patient":
            withdraw_patient(patient=shown.patient, actor=actor, reason=reason)
        elif request.POST.get("what") == "erase":
            erase_image(image=shown, actor=actor, reason=reason)
        else:
            withdraw_image(image=shown, actor=actor, reason=reason)
        messages.success(
            request, "Withdrawn. No worklist, future round or new release will contain it."
        )
    except RoundtruthError as error:
        messages.error(request, error.sentence)
    return redirect("image", project.slug, image_id)


def _image_or_404(request: HttpRequest, project: Project, image_id: UUID) -> Image:
    try:
        return listed_image(person=request.user, project=project, image_id=image_id)
    except NotFound as error:
        raise Http404(error.sentence) from None


def _png(key: str) -> HttpResponse:
    """Return a stored PNG."""
    try:
        return HttpResponse(storage.read(key), content_type="image/png")
    except NotFound as error:
        raise Http404(error.sentence) from None


def _page_number(text: str) -> int:
    """Return the page number; 1 for anything that is not a number of at most eight digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1


urlpatterns = [
    path("p/<slug:slug>/images/", images, name="images"),
    path("p/<slug:slug>/images/<uuid:image_id>/", image, name="image"),
    path("p/<slug:slug>/images/<uuid:image_id>/thumbnail/", thumbnail, name="image_thumbnail"),
    path("p/<slug:slug>/images/<uuid:image_id>/preview/", preview, name="image_preview"),
    path("p/<slug:slug>/images/<uuid:image_id>/withdraw/", withdraw, name="image_withdraw"),
]
