"""Take a reader's decision on a case: one annotation and one step of the reference chain, once.

The verdict is derived here from the stored masks; the client does not send it. Bytes are stored
before the transaction. A repeat with the same client id returns the first annotation. A reopened
case (reopening.py) gets one more annotation and reference; the former ones stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation import storage
from annotation.errors import Conflict, DraftMoved, Invalid
from annotation.models import Annotation, Assignment, Candidate, Draft, Label, User
from annotation.selectors.reading.last_cases import current_annotation
from annotation.services import audit
from annotation.services.reading import leases, lost_drafts
from annotation.services.reading.candidates import Mask, candidate_of, mask_at
from annotation.services.reading.edits import EXCLUDED, Decision, Edit, derive_edit
from annotation.services.reading.references import append_reference
from annotation.services.reading.submission_checks import (
    check_draft_seen,
    check_open,
    check_values,
    draft_moved,
    earlier_submission,
)
from mlloop.pixels.masks import decode_mask, encode_mask


@dataclass(frozen=True, slots=True)
class Submission:
    """The annotation of a decision, and whether the decision had been submitted before."""

    annotation: Annotation
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """A decision that was checked and measured, ready to be written."""

    assignment: Assignment
    reader: User
    label: Label
    client_id: UUID
    draft_etag: str | None  # the draft from which the edit was measured
    candidate: Candidate | None
    threshold: int | None
    exclusion_reason: str
    mask_key: str
    edit: Edit
    note: str
    is_flagged: bool
    active_seconds: float
    strokes: int


def submit_annotation(
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
) -> Submission:
    """Record the decision and append the reference; the same `client_id` again changes nothing.

    `draft_etag` names the draft that the reader decided about, for every decision; None if there
    was no draft. Raises Invalid, LeaseLost, Conflict if the case was submitted before, and
    DraftMoved if the stored draft is another one, which is then kept as a lost draft.
    """
    if earlier := earlier_submission(assignment, reader, client_id):
        return Submission(earlier, is_repeat=True)
    try:
        check_open(assignment, reader)
        check_values(decision, exclusion_reason, threshold, active_seconds, strokes)
        base = candidate_of(assignment=assignment, candidate_id=candidate)
        draft = check_draft_seen(assignment, label, decision, draft_etag)
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
        return Submission(_write(reading), is_repeat=False)
    except (Conflict, IntegrityError) as error:
        if earlier := earlier_submission(assignment, reader, client_id):
            return Submission(earlier, is_repeat=True)  # the same request, sent twice at once
        if isinstance(error, DraftMoved):
            lost_drafts.keep_current_draft(assignment=assignment, label=label)
        raise


def _threshold(assignment: Assignment, base: Candidate | None, threshold: int | None) -> int | None:
    if base is None or base.proposal is None:
        return None
    return base.proposal.threshold if assignment.is_blind or threshold is None else threshold


def _decided_mask(
    *,
    assignment: Assignment,
    decision: Decision,
    draft: Draft | None,
    base: Candidate | None,
    threshold: int | None,
) -> Mask | None:
    """Return the mask `(H, W) bool` that is submitted; None for an excluded image."""
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
        raise leases.closed_case_error(assignment)
    # A save locks the assignment's row while it writes. The update above holds that lock until the
    # end of this transaction, so no save can come in between.
    draft = Draft.objects.filter(assignment=assignment, label=reading.label).first()
    if (draft.etag if draft else None) != reading.draft_etag:
        raise draft_moved(draft)
    annotation = _insert_annotation(reading)
    if assignment.purpose != Assignment.Purpose.DOUBLE:  # an adjudicator decides about it
        append_reference(annotation)
    former = {"supersedes": str(annotation.supersedes_id)} if annotation.supersedes_id else {}
    audit.record(
        project=assignment.project,
        actor=reading.reader,
        verb="submit",
        target=annotation.id,
        facts={"purpose": assignment.purpose, **former},
    )
    return annotation


def _insert_annotation(reading: _Reading) -> Annotation:
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
        supersedes=current_annotation(assignment),
    )
