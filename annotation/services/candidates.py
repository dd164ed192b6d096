"""Freeze the masks offered for an assignment: made once, shuffled where the read is blind.

It also says which of them a mask may claim as its base.

Blind masks, the manual one included, all pass one canonical raster: an edge must not tell a hand
from a network's grid.
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
from annotation.selectors.labels import label_of
from annotation.selectors.worklist import READING_LABEL
from mlloop.masks import (
    canonical_raster,
    decode_mask,
    decode_probability,
    encode_mask,
    threshold_mask,
)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Offer:
    mask: Mask
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
            mask_key=storage.put(assignment.project_id, encode_mask(offer.mask)),
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


def mask_at(candidate: Candidate, *, threshold: int | None) -> Mask:
    """Return the mask `(H, W) bool` a reader saw: the frozen one, or the proposal's at `threshold`.

    A blind read has no threshold, so there it is the frozen one.
    """
    assignment, proposal = candidate.assignment, candidate.proposal
    if assignment.is_blind or proposal is None or threshold in (None, proposal.threshold):
        return decode_mask(storage.read(candidate.mask_key))
    return threshold_mask(
        decode_probability(storage.read(proposal.probability_key)),
        shape=(assignment.image.height, assignment.image.width),
        t8=threshold or proposal.threshold,
    )


def _offers(assignment: Assignment, label: Label) -> list[_Offer]:
    shape = (assignment.image.height, assignment.image.width)
    offers = [
        _Offer(_proposed(row, shape), proposal=row.id) for row in _proposals(assignment, label)
    ]
    if not assignment.is_blind:
        return offers
    grid = int(assignment.round.plan["grid"]) if assignment.round else 0
    if (manual := _manual(assignment, label)) is not None:
        mask = decode_mask(storage.read(manual.mask_key), shape=shape)
        offers.append(_Offer(mask, annotation=manual.id))
    return [
        _Offer(canonical_raster(offer.mask, grid=(grid, grid)), offer.proposal, offer.annotation)
        for offer in offers
    ]


def _proposals(assignment: Assignment, label: Label) -> list[Proposal]:
    """Return what the round offers: each network, and in an open read the ensemble before them."""
    rows = Proposal.objects.filter(round=assignment.round, image=assignment.image, label=label)
    if assignment.is_blind:
        rows = rows.exclude(kind=Proposal.Kind.ENSEMBLE)
    return sorted(rows[:25], key=lambda row: (row.kind != Proposal.Kind.ENSEMBLE, row.network))


def _proposed(proposal: Proposal, shape: tuple[int, int]) -> Mask:
    p8 = decode_probability(storage.read(proposal.probability_key))
    return threshold_mask(p8, shape=shape, t8=proposal.threshold)


def _manual(assignment: Assignment, label: Label) -> Annotation | None:
    """Return the annotation behind the reference that is judged."""
    reference = Reference.objects.filter(
        image=assignment.image, label=label, superseded_by=None
    ).first()
    return reference.annotations.exclude(mask_key="").first() if reference else None
