"""Lost drafts: masks that were kept when a save was refused or a case left its reader.

They are kept for 30 days, for their reader and for curators.
"""

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


def oldest_kept() -> datetime:
    """Return the time before which lost drafts are no longer kept."""
    return timezone.now() - timedelta(days=settings.LOST_DRAFT_DAYS)


def lost_drafts_of(assignment: Assignment) -> QuerySet[LostDraft]:
    """Return the lost drafts of a case, newest first."""
    rows = LostDraft.objects.filter(assignment=assignment, created_at__gte=oldest_kept())
    return rows.order_by("-created_at", "-id")


def lost_drafts_on_image(image: Image) -> list[LostDraft]:
    """Return the newest lost drafts of an image's closed cases whose masks still exist."""
    rows = LostDraft.objects.filter(assignment__image=image, created_at__gte=oldest_kept())
    closed = rows.exclude(assignment__state__in=Assignment.HELD)
    newest = closed.select_related("assignment__reader").order_by("-created_at", "-id")
    return [row for row in newest[:AT_MOST] if not storage.is_erased(row.mask_key)]


def lost_draft(*, assignment: Assignment, lost_id: UUID) -> LostDraft:
    """Return a lost draft of a case; raise NotFound if it is not kept any more."""
    row = lost_drafts_of(assignment).filter(id=lost_id).first()
    if row is None:
        raise NotFound(f"There is no such mask; they are kept {settings.LOST_DRAFT_DAYS} days.")
    return row
