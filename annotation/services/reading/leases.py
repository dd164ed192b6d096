"""Renew, end and give back leases, by conditional updates only.

A lease without a draft lapses, and the next reader who asks gets the image. A lease with a draft
stays until a curator reassigns it (reassigning.py). A reopened case (reopening.py) does not count
as one of the reader's two leases.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from annotation.errors import Conflict, LeaseLost
from annotation.models import Assignment, AuditEvent, Project, User
from annotation.services.reading.closing_reopened import close_lapsed_reopened


def lease_end(*, is_prefetch: bool) -> datetime:
    """Return the end of a lease that is taken or renewed now."""
    minutes = settings.PREFETCH_LEASE_MINUTES if is_prefetch else settings.LEASE_MINUTES
    return timezone.now() + timedelta(minutes=minutes)


def release_lapsed_leases(*, project: Project) -> int:
    """Release lapsed leases without a draft and leases of withdrawn images; return how many."""
    close_lapsed_reopened(project=project)
    has_lapsed = Q(has_draft=False, is_saved_for_later=False, lease_expires_at__lt=timezone.now())
    # A withdrawal releases the leases that it sees; it misses one that is given at the same moment.
    lapsed = Assignment.objects.filter(
        has_lapsed | Q(image__withdrawn_at__isnull=False),
        project=project,
        state=Assignment.State.OPEN,
    )
    if not lapsed.exists():  # without this look, SQLite would take its write lock each time
        return 0
    return lapsed.update(state=Assignment.State.RELEASED, closed_at=timezone.now())


def renew_lease(*, assignment: Assignment, reader: User, has_draft: bool = False) -> datetime:
    """Extend a lease and return its end; raise LeaseLost or Conflict if the case is not open.

    Inside a transaction this also locks the row against another reader and a second submission.
    """
    until = lease_end(is_prefetch=False)
    changes: dict[str, bool] = {"has_draft": True} if has_draft else {}
    renewed = Assignment.objects.filter(
        id=assignment.id, reader=reader, state__in=Assignment.HELD
    ).update(lease_expires_at=until, **changes)
    if not renewed:
        raise closed_case_error(assignment)
    return until


def update_assignment(
    *,
    assignment: Assignment,
    reader: User,
    note: str | None = None,
    is_flagged: bool | None = None,
    is_saved_for_later: bool | None = None,
) -> Assignment:
    """Write the note, the flag or "saved for later" on an open case, and renew its lease."""
    given = {"note": note, "is_flagged": is_flagged, "is_saved_for_later": is_saved_for_later}
    changes = {name: value for name, value in given.items() if value is not None}
    rows = Assignment.objects.filter(id=assignment.id, reader=reader, state__in=Assignment.HELD)
    if is_saved_for_later:
        rows = rows.filter(state=Assignment.State.OPEN)
    try:
        with transaction.atomic():
            updated = rows.update(lease_expires_at=lease_end(is_prefetch=False), **changes)
    except IntegrityError:
        raise too_many_leases() from None
    if not updated:
        raise closed_case_error(assignment)
    assignment.refresh_from_db()
    return assignment


def give_back_case(*, assignment: Assignment, reader: User) -> None:
    """Return a case without a drawing to the queue; raise Conflict if it has one."""
    rows = Assignment.objects.filter(id=assignment.id, reader=reader, state=Assignment.State.OPEN)
    released = rows.filter(has_draft=False).update(
        state=Assignment.State.RELEASED, closed_at=timezone.now()
    )
    if not released and rows.exists():
        raise Conflict(
            "This case has a drawing, so it stays yours until you submit it.", code="has_draft"
        )


def closed_case_error(assignment: Assignment) -> LeaseLost | Conflict:
    """Return the error that says why a case can no longer be changed."""
    state = Assignment.objects.values_list("state", flat=True).get(id=assignment.id)
    if state == Assignment.State.REOPENED:
        return Conflict(
            "A reopened case cannot be saved for later: submit it or leave it as it was.",
            code="reopened",
        )
    if state == Assignment.State.SUBMITTED and _was_closed_unsubmitted(assignment):
        return Conflict(
            "This case was closed again with what you had submitted before; nothing new was "
            "saved. To change it, open it from your last ten cases.",
            code="put_back",
        )
    if state == Assignment.State.SUBMITTED:
        return Conflict("This case has already been submitted.", code="already_submitted")
    return LeaseLost(
        "This case is no longer yours: its lease lapsed or a curator gave it to somebody else."
    )


def too_many_leases() -> Conflict:
    """Return the error for a reader who already holds two cases."""
    return Conflict(
        "You hold two cases already: submit one, give it back or save it for later.",
        code="lease_limit",
    )


def _was_closed_unsubmitted(assignment: Assignment) -> bool:
    """Return whether the case was reopened last and closed without a new submission."""
    verbs = ("submit", "put_back")
    targets = [assignment.id, *assignment.annotations.values_list("id", flat=True)]
    events = AuditEvent.objects.filter(
        project=assignment.project_id,
        target__in=[str(target) for target in targets],
        verb__in=verbs,
    ).order_by("-created_at")
    return events.values_list("verb", flat=True).first() == "put_back"
