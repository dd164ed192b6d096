"""A curator takes a case from its reader and gives it to another reader or to the queue.

Nothing is lost: the first reader's masks, note and flag stay with the assignment that was closed.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from annotation.errors import Conflict, Invalid
from annotation.models import Assignment, User
from annotation.permissions import Permission, may
from annotation.selectors.reading import worklist
from annotation.selectors.reading.queues import may_judge
from annotation.services import audit
from annotation.services.reading import leases, lost_drafts
from annotation.services.reading.closing_reopened import close_reopened


def reassign_case(*, assignment: Assignment, to: User | None, actor: User) -> Assignment | None:
    """Close an open case and return the new assignment of reader `to`; None if `to` is None.

    The new reader starts without a drawing and sees nothing of the first reader. A reopened case
    can only be closed with its former submission, so `to` must be None there. Raises Invalid for a
    reader who may not read the case, and Conflict if the case is not open.
    """
    if to is not None:
        _check_reader(assignment, to)
    if assignment.state == Assignment.State.REOPENED:
        if to is not None:
            raise Invalid(
                "A reopened case cannot be given to somebody else. Without a reader it is closed "
                "with what was submitted before.",
                field="reader",
            )
        close_reopened(Assignment.objects.filter(id=assignment.id), actor=actor)
        return None
    with transaction.atomic():
        _release(assignment)
        given = _give(assignment, to) if to is not None else None
        audit.record(
            project=assignment.project,
            actor=actor,
            verb="reassign",
            target=assignment.id,
            facts={
                "from": str(assignment.reader_id),
                "to": str(to.id) if to else None,
                "flagged": assignment.is_flagged,
                "has_note": bool(assignment.note),
            },
        )
    return given


def _check_reader(assignment: Assignment, to: User) -> None:
    """Raise Invalid if `to` does not read here, or would judge a mask that they drew."""
    if not may(to, Permission.READ_CASES, assignment.project):
        raise Invalid(f"{to.username} does not read in this project.", field="reader")
    if assignment.purpose == Assignment.Purpose.PICK:
        scope = worklist.worklist_scope(project=assignment.project, reader=to)
        if not may_judge(scope, assignment.image_id):
            raise Invalid(
                f"{to.username} drew the manual mask of this case, so another reader of this "
                "project must judge it.",
                code="own_mask",
                field="reader",
            )


def _release(assignment: Assignment) -> None:
    """Close the first reader's assignment and keep its drafts; raise Conflict if it is not open."""
    released = Assignment.objects.filter(id=assignment.id, state=Assignment.State.OPEN).update(
        state=Assignment.State.RELEASED, closed_at=timezone.now()
    )
    if not released:
        raise Conflict(
            "This case is not open any more: it was submitted, given back or reassigned. "
            "Reload the list.",
            code="not_open",
        )
    assignment.refresh_from_db(fields=["note", "is_flagged"])
    for draft in assignment.drafts.select_related("label"):
        lost_drafts.keep_current_draft(assignment=assignment, label=draft.label)


def _give(released: Assignment, to: User) -> Assignment:
    # Saved for later, so that it does not displace the case that the new reader works on.
    return Assignment.objects.create(
        project=released.project,
        image=released.image,
        reader=to,
        purpose=released.purpose,
        round=released.round,
        is_blind=released.is_blind,
        is_saved_for_later=True,
        lease_expires_at=leases.lease_end(is_prefetch=False),
    )
