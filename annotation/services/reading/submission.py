"""Take a reader's decision on a case: one annotation, one step of the reference chain, once.

The verdict is derived here from the stored masks, never believed. Bytes are stored before the
transaction; a repeat with the same client id returns the first annotation. A case that is open
again (reopening.py) gets one more of each, and the former ones stay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation import storage
from annotation.errors import Conflict, DraftMoved, Invalid
from annotation.models import (
    Annotation,
    Assignment,
    Candidate,
    Draft,
    Label,
    Proposal,
    Reference,
    ReferenceSource,
    User,
)
from annotation.selectors.reading.last_cases import SUPERSEDED, standing_annotation
from annotation.services import audit
from annotation.services.reading import leases, lost_drafts
from annotation.services.reading.candidates import Mask, candidate_of, check_threshold, mask_at
from annotation.services.reading.edits import EXCLUDED, Decision, Edit, derive_edit
from mlloop.pixels.masks import decode_mask, encode_mask

MAX_ACTIVE_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """A decision that was checked and measured, ready to be written."""

    assignment: Assignment
    reader: User
    label: Label
    client_id: UUID
    draft_etag: str | None  # of the drawing that was there when the decision was measured
    candidate: Candidate | None
    threshold: int | None
    exclusion_reason: str
    mask_key: str
    edit: Edit
    note: str
    is_flagged: bool
    active_seconds: float
    strokes: int


def submit(
    *,
    assignment: Assignment,
    reader: User,
    client_id: UUID,
    label: Label,
    decision: Decision,
    draft_etag: str | None = None,
    candidate: UUID | None = None,
    threshold: int | None = None,
    exclusion_reason: str | None = None,
    note: str = "",
    is_flagged: bool = False,
    active_seconds: float = 0.0,
    strokes: int = 0,
) -> Annotation:
    """Record the decision and move the reference; the same `client_id` again changes nothing.

    `draft_etag` names the drawing decided on, whatever the decision; None: none was there. Raises
    Invalid, LeaseLost, Conflict where it was submitted before, and DraftMoved where the drawing is
    another one, which is then kept.
    """
    if repeated := _submitted_before(assignment, reader, client_id):
        return repeated
    try:
        _check_open(assignment, reader)
        _check_figures(decision, exclusion_reason, threshold, active_seconds, strokes)
        base = candidate_of(assignment=assignment, candidate_id=candidate)
        draft = _draft_seen(assignment, label, decision, draft_etag)
        mask = _decided_mask(
            assignment=assignment, decision=decision, draft=draft, base=base, threshold=threshold
        )
        reading = _Reading(
            assignment=assignment,
            reader=reader,
            label=label,
            client_id=client_id,
            draft_etag=draft.etag if draft else None,
            candidate=base,
            threshold=_threshold(assignment, base, threshold),
            exclusion_reason=exclusion_reason or "",
            mask_key="" if mask is None else storage.put(assignment.project_id, encode_mask(mask)),
            edit=EXCLUDED if mask is None else _edit(mask, base, threshold, decision),
            note=note,
            is_flagged=is_flagged,
            active_seconds=active_seconds,
            strokes=strokes,
        )
        return _write(reading)
    except (Conflict, IntegrityError) as error:
        if repeated := _submitted_before(assignment, reader, client_id):
            return repeated  # the same request, sent twice at once
        if isinstance(error, DraftMoved):
            lost_drafts.keep_current(assignment=assignment, label=label)
        raise


def was_submitted(*, client_id: UUID) -> bool:
    """Say whether a decision with this client id was already taken."""
    return Annotation.objects.filter(client_id=client_id).exists()


def _submitted_before(assignment: Assignment, reader: User, client_id: UUID) -> Annotation | None:
    row = Annotation.objects.filter(client_id=client_id).first()
    if row is not None and (row.assignment_id != assignment.id or row.reader_id != reader.id):
        raise Conflict(
            "This client id was used for another case.", code="client_id_used", field="client_id"
        )
    return row


def _check_open(assignment: Assignment, reader: User) -> None:
    held = Assignment.objects.filter(id=assignment.id, reader=reader, state__in=Assignment.HELD)
    if not held.exists():
        raise leases.lease_lost(assignment)
    if assignment.image.withdrawn_at is not None:
        raise Conflict("This image was withdrawn while you read it.", code="withdrawn")


def _check_figures(
    decision: str,
    exclusion_reason: str | None,
    threshold: int | None,
    active_seconds: float,
    strokes: int,
) -> None:
    reasons = [value for value in Annotation.Exclusion.values if value]
    if decision not in ("accept", "no_infection", "exclude"):
        raise Invalid(
            f"{decision!r} is no decision: accept, no_infection or exclude.", field="decision"
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
    if not 0 <= strokes <= 1_000_000:
        raise Invalid("The number of strokes must be from 0 to a million.", field="strokes")


def _threshold(assignment: Assignment, base: Candidate | None, threshold: int | None) -> int | None:
    if base is None or base.proposal is None:
        return None
    return base.proposal.threshold if assignment.is_blind or threshold is None else threshold


def _draft_seen(
    assignment: Assignment, label: Label, decision: Decision, draft_etag: str | None
) -> Draft | None:
    """Return the stored drawing if it is the one decided on: no decision drops another unseen."""
    draft = Draft.objects.filter(assignment=assignment, label=label).first()
    if draft is not None and draft.etag != draft_etag:
        raise _draft_moved(draft)
    if draft is None and draft_etag is not None and decision == "accept":
        raise _draft_moved(None)
    return draft


def _decided_mask(
    *,
    assignment: Assignment,
    decision: Decision,
    draft: Draft | None,
    base: Candidate | None,
    threshold: int | None,
) -> Mask | None:
    """Return the mask that is submitted, None for an excluded image."""
    if decision == "exclude":
        return None
    if decision == "no_infection":
        return np.zeros((assignment.image.height, assignment.image.width), np.bool_)
    if draft is not None:
        return decode_mask(storage.read(draft.mask_key))
    if base is None:
        raise Invalid(
            "There is no mask to accept: draw one, pick a candidate, or say no infection.",
            field="candidate",
        )
    return mask_at(base, threshold=threshold)


def _edit(mask: Mask, base: Candidate | None, threshold: int | None, decision: Decision) -> Edit:
    return derive_edit(
        mask=mask,
        base=None if base is None else mask_at(base, threshold=threshold),
        is_base_proposed=base is not None and base.proposal_id is not None,
        decision=decision,
    )


@transaction.atomic
def _write(reading: _Reading) -> Annotation:
    assignment = reading.assignment
    closed = Assignment.objects.filter(
        id=assignment.id, reader=reading.reader, state__in=Assignment.HELD
    ).update(
        state=Assignment.State.SUBMITTED,
        closed_at=timezone.now(),
        note=reading.note,
        is_flagged=reading.is_flagged,
    )
    if not closed:
        raise leases.lease_lost(assignment)
    # A save holds the assignment's row while it writes, so none can come between this and the end.
    draft = Draft.objects.filter(assignment=assignment, label=reading.label).first()
    if (draft.etag if draft else None) != reading.draft_etag:
        raise _draft_moved(draft)
    annotation = _annotate(reading)
    if assignment.purpose != Assignment.Purpose.DOUBLE:  # double reads wait for each other
        _move_reference(annotation)
    former = {"supersedes": str(annotation.supersedes_id)} if annotation.supersedes_id else {}
    audit.record(
        project=assignment.project,
        actor=reading.reader,
        verb="submit",
        target=annotation.id,
        facts={"verdict": annotation.verdict, "purpose": assignment.purpose, **former},
    )
    return annotation


def _annotate(reading: _Reading) -> Annotation:
    assignment, candidate, edit = reading.assignment, reading.candidate, reading.edit
    return Annotation.objects.create(
        project=assignment.project,
        image=assignment.image,
        label=reading.label,
        assignment=assignment,
        reader=reading.reader,
        client_id=reading.client_id,
        purpose=assignment.purpose,
        verdict=edit.verdict,
        provenance=edit.provenance,
        exclusion_reason=reading.exclusion_reason,
        mask_key=reading.mask_key,
        round=assignment.round,
        proposal=candidate.proposal if candidate else None,
        threshold=reading.threshold,
        agreement=edit.agreement,
        added_pixels=edit.added_pixels,
        removed_pixels=edit.removed_pixels,
        redrawn_contour=edit.redrawn_contour,
        active_seconds=reading.active_seconds,
        strokes=reading.strokes,
        note=reading.note,
        is_flagged=reading.is_flagged,
        supersedes=standing_annotation(assignment),
    )


def _move_reference(annotation: Annotation) -> Reference:
    """Append to the chain; its unique constraints refuse a fork.

    What is submitted anew takes the place of what the same case gave, never of anybody else's.
    """
    current = Reference.objects.filter(
        image=annotation.image, label=annotation.label, superseded_by=None
    ).first()
    if annotation.supersedes_id and (
        current is None or not current.annotations.filter(id=annotation.supersedes_id).exists()
    ):
        raise Conflict(SUPERSEDED.sentence, code=SUPERSEDED.code)
    is_pick = annotation.purpose == Assignment.Purpose.PICK
    reference = Reference.objects.create(
        project=annotation.project,
        image=annotation.image,
        label=annotation.label,
        method=Reference.Method.PICK if is_pick else Reference.Method.SINGLE,
        verdict=annotation.verdict,
        mask_key=annotation.mask_key,
        supersedes=current,
    )
    ReferenceSource.objects.create(reference=reference, annotation=annotation)
    Proposal.objects.filter(image=annotation.image, label=annotation.label, is_waiting=True).update(
        is_waiting=False
    )
    return reference


def _draft_moved(current: Draft | None) -> DraftMoved:
    return DraftMoved(
        "The drawing on the server is not the one you decided on; look at it and decide again.",
        current_etag=current.etag if current else None,
    )
