"""Check a decision before it is written: the case is open, the values fit, the draft was seen."""

from __future__ import annotations

import math
from uuid import UUID

from annotation.errors import Conflict, DraftMoved, Invalid
from annotation.models import Annotation, Assignment, Draft, Label, User
from annotation.services.reading import leases
from annotation.services.reading.candidates import check_threshold
from annotation.services.reading.edits import Decision

MAX_ACTIVE_SECONDS = 7 * 86_400.0
MAX_STROKES = 1_000_000


def earlier_submission(assignment: Assignment, reader: User, client_id: UUID) -> Annotation | None:
    """Return the annotation that this client id made before; None if the id is new.

    Raises Conflict if the client id was used for another case.
    """
    row = Annotation.objects.filter(client_id=client_id).first()
    if row is not None and (row.assignment_id != assignment.id or row.reader_id != reader.id):
        raise Conflict(
            "This client id was used for another case.", code="client_id_used", field="client_id"
        )
    return row


def check_open(assignment: Assignment, reader: User) -> None:
    """Raise LeaseLost or Conflict if the reader does not hold the case or it was withdrawn."""
    held = Assignment.objects.filter(id=assignment.id, reader=reader, state__in=Assignment.HELD)
    if not held.exists():
        raise leases.closed_case_error(assignment)
    if assignment.image.withdrawn_at is not None:
        raise Conflict("This image was withdrawn while you read it.", code="withdrawn")


def check_values(
    decision: str,
    exclusion_reason: str | None,
    threshold: int | None,
    active_seconds: float,
    strokes: int,
) -> None:
    """Raise Invalid for the first value of a decision that is out of range."""
    reasons = [value for value in Annotation.Exclusion.values if value]
    if decision not in ("accept", "no_infection", "exclude"):
        raise Invalid(
            f"{decision!r} is not a decision: use accept, no_infection or exclude.",
            field="decision",
        )
    if decision == "exclude" and exclusion_reason not in reasons:
        raise Invalid(
            f"An image is excluded for one of these reasons: {', '.join(reasons)}.",
            field="exclusion_reason",
        )
    if decision != "exclude" and exclusion_reason:
        raise Invalid("Only an excluded image has a reason.", field="exclusion_reason")
    check_threshold(threshold)
    if not math.isfinite(active_seconds) or not 0 <= active_seconds <= MAX_ACTIVE_SECONDS:
        raise Invalid("The active time must be from 0 seconds to a week.", field="active_seconds")
    if not 0 <= strokes <= MAX_STROKES:
        raise Invalid("The number of strokes must be from 0 to a million.", field="strokes")


def check_draft_seen(
    assignment: Assignment, label: Label, decision: Decision, draft_etag: str | None
) -> Draft | None:
    """Return the stored draft if the reader decided about this one; raise DraftMoved if not.

    Every decision is checked, so that no decision discards a drawing that the reader did not see.
    """
    draft = Draft.objects.filter(assignment=assignment, label=label).first()
    if draft is not None and draft.etag != draft_etag:
        raise draft_moved(draft)
    if draft is None and draft_etag is not None and decision == "accept":
        raise draft_moved(None)
    return draft


def draft_moved(current: Draft | None) -> DraftMoved:
    """Return the error for a decision about another drawing than the `current` one."""
    return DraftMoved(
        "The drawing on the server is not the drawing you decided on. Look at it and decide again.",
        current_etag=current.etag if current else None,
    )
