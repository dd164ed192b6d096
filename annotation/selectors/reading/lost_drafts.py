"""Masks that lost a race: kept 30 days from the last refusal, for their reader and for curators."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from annotation import storage
from annotation.errors import NotFound
from annotation.models import Assignment, Image, LostDraft

AT_MOST = 50


def kept_since() -> datetime:
    """Return the time before which a refused mask is forgotten."""
    return timezone.now() - timedelta(days=settings.LOST_DRAFT_DAYS)


def lost_masks_of(assignment: Assignment) -> QuerySet[LostDraft]:
    """Return what is kept of one case, newest first."""
    rows = LostDraft.objects.filter(assignment=assignment, created_at__gte=kept_since())
    return rows.order_by("-created_at", "-id")


def lost_masks_on(image: Image) -> list[LostDraft]:
    """Return the newest that are kept of an image's closed cases and that can be fetched still."""
    rows = LostDraft.objects.filter(assignment__image=image, created_at__gte=kept_since())
    closed = rows.exclude(assignment__state__in=Assignment.HELD)
    newest = closed.select_related("assignment__reader").order_by("-created_at", "-id")
    return [row for row in newest[:AT_MOST] if not storage.is_erased(row.mask_key)]


def lost_mask(*, assignment: Assignment, lost_id: UUID) -> LostDraft:
    """Return a mask that lost a race, while it is kept."""
    kept = lost_masks_of(assignment).filter(id=lost_id).first()
    if kept is None:
        raise NotFound(f"There is no such mask; they are kept {settings.LOST_DRAFT_DAYS} days.")
    return kept
