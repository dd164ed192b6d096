"""Freeze the masks that a reader is offered: once, and for a blind read in random order.

The masks of a blind read are redrawn alike (blinding.py) and stored, because the reader decides
about exactly these pixels. The mask of an open read is a proposal at a threshold. Neither changes,
so the mask is computed on each request.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, transaction

from annotation import storage
from annotation.errors import Invalid
from annotation.models import Assignment, Candidate, Label, Proposal
from annotation.selectors.labels import READING_LABEL, label_of
from annotation.services.reading.blinding import blind_masks
from mlloop.pixels.masks import decode_mask, decode_probability, encode_mask
from mlloop.pixels.raster import threshold_mask

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Offer:
    mask: Mask | None  # None in an open read: the proposal is enough
    proposal: UUID | None = None
    annotation: UUID | None = None
    features: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Basis:
    """The candidate that a mask was made from, with its threshold in an open read."""

    candidate: Candidate | None = None
    threshold: int | None = None


def freeze_candidates(*, assignment: Assignment) -> None:
    """Create the candidates of an assignment with a round, once; a repeat changes nothing."""
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
            mask_key="" if offer.mask is None else _store(assignment, offer.mask),
            features=offer.features,
        )
        for position, offer in enumerate(offers)
    ]
    try:
        with transaction.atomic():
            Candidate.objects.bulk_create(rows)
    except IntegrityError:
        return  # the reader's other tab created them a moment ago


def candidate_of(*, assignment: Assignment, candidate_id: UUID | None) -> Candidate | None:
    """Return a candidate of this assignment; raise Invalid for a candidate of another one."""
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
    """Return the basis that a draft names; raise Invalid for a threshold without a proposal."""
    row = candidate_of(assignment=assignment, candidate_id=candidate)
    if threshold is None:
        return Basis(row)
    check_threshold(threshold)
    if assignment.is_blind:  # the same sentence for every candidate, or it would tell them apart
        raise Invalid("A blind read has no threshold.", field="threshold")
    if row is None or row.proposal_id is None:
        raise Invalid("A threshold needs the candidate it belongs to.", field="threshold")
    return Basis(row, threshold)


def check_threshold(threshold: int | None) -> None:
    """Raise Invalid for a threshold that no probability map has."""
    if threshold is not None and not 1 <= threshold <= 255:
        raise Invalid("The threshold goes from 1 to 255.", field="threshold")


def mask_at(candidate: Candidate, *, threshold: int | None = None) -> Mask:
    """Return the mask `(H, W) bool` that a reader saw.

    In a blind read this is the stored mask, in an open read the proposal at `threshold` or at the
    proposal's own threshold.
    """
    assignment, proposal = candidate.assignment, candidate.proposal
    if assignment.is_blind or proposal is None:
        return decode_mask(storage.read(candidate.mask_key))
    return _proposed_mask(proposal, _shape(assignment), t8=threshold)


def _offers(assignment: Assignment, label: Label) -> list[_Offer]:
    proposals = _proposals(assignment, label)
    if not assignment.is_blind:
        return [_Offer(None, proposal=row.id) for row in proposals]
    shape = _shape(assignment)
    proposed = [(row.id, _proposed_mask(row, shape)) for row in proposals]
    return [
        _Offer(blind.mask, blind.proposal, blind.annotation, blind.features)
        for blind in blind_masks(assignment, label, proposed)
    ]


def _proposals(assignment: Assignment, label: Label) -> list[Proposal]:
    """Return the proposals of the round's networks; in an open read, the ensemble's first."""
    rows = Proposal.objects.filter(round=assignment.round, image=assignment.image, label=label)
    if assignment.is_blind:
        rows = rows.exclude(kind=Proposal.Kind.ENSEMBLE)
    return sorted(rows[:25], key=lambda row: (row.kind != Proposal.Kind.ENSEMBLE, row.network))


def _proposed_mask(proposal: Proposal, shape: tuple[int, int], *, t8: int | None = None) -> Mask:
    p8 = decode_probability(storage.read(proposal.probability_key))
    return threshold_mask(p8, shape=shape, t8=t8 or proposal.threshold)


def _store(assignment: Assignment, mask: Mask) -> str:
    return storage.put(assignment.project_id, encode_mask(mask))


def _shape(assignment: Assignment) -> tuple[int, int]:
    return assignment.image.height, assignment.image.width
