"""Record who saw an image outside a read. A read has its own row, made with the lease."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from annotation.models import Assignment, AuditEvent, Image, User
from annotation.services import audit

AGAIN_AFTER = timedelta(hours=1)
SEEN = "see_image"


def record_sighting(*, image: Image, viewer: User) -> None:
    """Record that `viewer` saw an image; once an hour, since a page asks for it several times.

    A case that the viewer holds is not recorded again: the lease was.
    """
    since = timezone.now() - AGAIN_AFTER
    rows = AuditEvent.objects.filter(project_id=image.project_id, target=str(image.id))
    if rows.filter(actor=viewer, verb=SEEN, created_at__gt=since).exists():
        return
    held = Assignment.objects.filter(image=image, reader=viewer, state__in=Assignment.HELD)
    if not held.exists():
        audit.record(project=image.project, actor=viewer, verb=SEEN, target=image.id)
