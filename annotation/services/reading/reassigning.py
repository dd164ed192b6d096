"""Take a case from its reader and give it to another, or to the queue: a curator's deed.

Nothing is lost: the first reader's masks, note and flag stay with the assignment they gave up.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from annotation.errors import Conflict, Invalid
from annotation.models import Assignment, User
from annotation.permissions import Permission, may
from annotation.selectors.reading import worklist
from annotation.services import audit
from annotation.services.reading import closing_reopened, leases, lost_drafts


def reassign(*, assignment: Assignment, to: User | None, actor: User) -> Assignment | None:
    """Take an open case from its reader, drawing or not, and give it to `to` or to the queue.

    The new reader draws afresh and sees nothing of the first one, whose masks, note and flag stay
    with the assignment they gave up; the audit says that there are some. A case that is open again
    can only go back to what was submitted: `to` must be None there.
    """
    if to is not None:
        _check_reader(assignment, to)
    if assignment.state == Assignment.State.REOPENED:
        if to is not None:
            raise Invalid(
                "A submitted case that is open again is not given to somebody else; without a "
                "reader it goes back to what was submitted.",
                field="reader",
            )
        closing_reopened.put_back(Assignment.objects.filter(id=assignment.id), actor=actor)
        return None
    now = timezone.now()
    with transaction.atomic():
        closed = Assignment.objects.filter(id=assignment.id, state=Assignment.State.OPEN).update(
            state=Assignment.State.RELEASED, closed_at=now
        )
        if not closed:
            raise Conflict(
                "This case is not open any more: it was submitted, given back or reassigned. "
                "Reload the list.",
                code="not_open",
            )
        assignment.refresh_from_db(fields=["note", "is_flagged"])
        for draft in assignment.drafts.select_related("label"):
            lost_drafts.keep_current(assignment=assignment, label=draft.label)
        given = _hand_over(assignment, to) if to is not None else None
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
    """Raise Invalid where `to` does not read here, or would judge a mask of their own."""
    if not may(to, Permission.READ_CASES, assignment.project):
        raise Invalid(f"{to.username} does not read in this project.", field="reader")
    if assignment.purpose == Assignment.Purpose.PICK:
        desk = worklist.desk_of(project=assignment.project, reader=to)
        if not worklist.may_judge(desk, assignment.image_id):
            raise Invalid(
                f"{to.username} drew the manual mask of this case and does not judge it: "
                "there are other readers in this project.",
                code="own_mask",
                field="reader",
            )


def _hand_over(old: Assignment, to: User) -> Assignment:
    # Saved for later: it waits for them without pushing out the case they have before them.
    return Assignment.objects.create(
        project=old.project,
        image=old.image,
        reader=to,
        purpose=old.purpose,
        round=old.round,
        is_blind=old.is_blind,
        is_saved_for_later=True,
        lease_expires_at=leases.expiry(is_prefetch=False),
    )
