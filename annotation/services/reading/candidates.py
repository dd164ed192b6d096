"""Freeze the masks offered for an assignment: chosen once, shuffled where the read is blind.

It also says which of them a mask may claim as its base.

Blind masks, the manual one included, all pass one canonical raster: an edge must not tell a hand
from a network's grid. They are stored, as a pick is of what was seen. The mask of an open read is
its proposal at a threshold, neither of which ever changes: it is drawn when it is asked for.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, transaction

from annotation import storage
from annotation.errors import Invalid
from annotation.models import Annotation, Assignment, Candidate, Label, Proposal, Reference
from annotation.selectors.labels import READING_LABEL, label_of
from mlloop.pixels.masks import decode_mask, decode_probability, encode_mask
from mlloop.pixels.raster import canonical_raster, threshold_mask

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Offer:
    mask: Mask | None  # None: the proposal says it all
    proposal: UUID | None = None
    annotation: UUID | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a mask was made from: a candidate, where it is an open proposal at a threshold."""

    candidate: Candidate | None = None
    threshold: int | None = None


def freeze(*, assignment: Assignment) -> None:
    """Make the candidates of a pick or a read once; a repeat, or a race, changes nothing."""
    if assignment.round is None or assignment.candidates.exists():
        return
    label = label_of(assignment.project, READING_LABEL)
    offers = _offers(assignment, label)
    if assignment.is_blind:
        random.SystemRandom().shuffle(offers)
    rows = [
        Candidate(
            assignment=assignment,
            label=label,
            position=position,
            proposal_id=offer.proposal,
            annotation_id=offer.annotation,
            mask_key="" if offer.mask is None else _stored(assignment, offer.mask),
        )
        for position, offer in enumerate(offers)
    ]
    try:
        with transaction.atomic():
            Candidate.objects.bulk_create(rows)
    except IntegrityError:
        return  # the reader's other tab froze them a moment ago


def candidate_of(*, assignment: Assignment, candidate_id: UUID | None) -> Candidate | None:
    """Return the candidate of this very assignment; any other raises Invalid."""
    if candidate_id is None:
        return None
    row = (
        Candidate.objects.filter(id=candidate_id, assignment=assignment)
        .select_related("proposal", "assignment__image")
        .first()
    )
    if row is None:
        raise Invalid("This case has no such candidate.", field="candidate")
    return row


def basis_of(*, assignment: Assignment, candidate: UUID | None, threshold: int | None) -> Basis:
    """Return what a draft says it was made from; a threshold needs an open read's proposal."""
    row = candidate_of(assignment=assignment, candidate_id=candidate)
    if threshold is None:
        return Basis(row)
    check_threshold(threshold)
    if assignment.is_blind:  # one sentence for all candidates: another would tell them apart
        raise Invalid("A blind read has no threshold.", field="threshold")
    if row is None or row.proposal_id is None:
        raise Invalid("A threshold needs the candidate it belongs to.", field="threshold")
    return Basis(row, threshold)


def check_threshold(threshold: int | None) -> None:
    """Raise Invalid for a threshold that no probability map has."""
    if threshold is not None and not 1 <= threshold <= 255:
        raise Invalid("The threshold goes from 1 to 255.", field="threshold")


def mask_at(candidate: Candidate, *, threshold: int | None = None) -> Mask:
    """Return the mask `(H, W) bool` a reader saw: the frozen one, or the proposal's at `threshold`.

    A blind read has no threshold, so there it is the frozen one.
    """
    assignment, proposal = candidate.assignment, candidate.proposal
    if assignment.is_blind or proposal is None:
        return decode_mask(storage.read(candidate.mask_key))
    return _proposed(proposal, _shape(assignment), t8=threshold)


def _offers(assignment: Assignment, label: Label) -> list[_Offer]:
    proposals = _proposals(assignment, label)
    if not assignment.is_blind:
        return [_Offer(None, proposal=row.id) for row in proposals]
    shape = _shape(assignment)
    seen: list[tuple[Mask, UUID | None, UUID | None]] = [
        (_proposed(row, shape), row.id, None) for row in proposals
    ]
    if (manual := _manual(assignment, label)) is not None:
        drawn = decode_mask(storage.read(manual.mask_key), shape=shape)
        seen.append((drawn, None, manual.id))
    grid = int(assignment.round.plan["grid"]) if assignment.round else 0
    return [
        _Offer(canonical_raster(mask, grid=(grid, grid)), proposal, annotation)
        for mask, proposal, annotation in seen
    ]


def _proposals(assignment: Assignment, label: Label) -> list[Proposal]:
    """Return what the round offers: each network, and in an open read the ensemble before them."""
    rows = Proposal.objects.filter(round=assignment.round, image=assignment.image, label=label)
    if assignment.is_blind:
        rows = rows.exclude(kind=Proposal.Kind.ENSEMBLE)
    return sorted(rows[:25], key=lambda row: (row.kind != Proposal.Kind.ENSEMBLE, row.network))


def _proposed(proposal: Proposal, shape: tuple[int, int], *, t8: int | None = None) -> Mask:
    p8 = decode_probability(storage.read(proposal.probability_key))
    return threshold_mask(p8, shape=shape, t8=t8 or proposal.threshold)


def _stored(assignment: Assignment, mask: Mask) -> str:
    return storage.put(assignment.project_id, encode_mask(mask))


def _shape(assignment: Assignment) -> tuple[int, int]:
    return assignment.image.height, assignment.image.width


def _manual(assignment: Assignment, label: Label) -> Annotation | None:
    """Return the annotation behind the reference that is judged."""
    reference = Reference.objects.filter(
        image=assignment.image, label=label, superseded_by=None
    ).first()
    return reference.annotations.exclude(mask_key="").first() if reference else None
