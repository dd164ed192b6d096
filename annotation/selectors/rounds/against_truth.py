"""Measure proposals and references against the hidden truth, which only a simulation has.

This module reads Truth rows, so only the commands of the robot reader may import it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from annotation import storage
from annotation.models import Annotation, Project, Proposal, Reference, Round, Truth, Verdict
from annotation.selectors.rounds.looks import whole_cells_of_both
from annotation.selectors.rounds.sealed import measured_cases
from mlloop.figures.metrics import (
    Estimate,
    PairedDifference,
    count_pixels,
    estimate,
    paired_bootstrap,
)
from mlloop.pixels.masks import decode_mask, decode_probability
from mlloop.pixels.raster import threshold_mask

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AgainstTruth:
    """Dice against the hidden truth under both conventions, with intervals by patient."""

    per_image: Estimate
    pooled: Estimate


def proposals_against_truth(round: Round) -> AgainstTruth:
    """Measure the round's ensemble proposals on every training image that has a truth.

    Each proposal comes from networks that did not see its patient.
    """
    proposals = (
        Proposal.objects.filter(round=round, label__key="infection", kind=Proposal.Kind.ENSEMBLE)
        .select_related("image")
        .order_by("image_id")
    )
    truths = _truth_keys(round.project)
    return _measure(
        (str(proposal.image.patient_id), _proposed(proposal), _mask(truths[proposal.image_id]))
        for proposal in proposals.iterator(chunk_size=200)
        if proposal.image_id in truths
    )


def references_against_truth(project: Project, pixel_hashes: Collection[str]) -> AgainstTruth:
    """Measure the current reference masks of the images with these pixel hashes."""
    truths = _truth_keys(project)
    rows = (
        Reference.objects.filter(project=project, label__key="infection", superseded_by=None)
        .exclude(verdict=Verdict.EXCLUDED)
        .select_related("image")
        .order_by("image__pixel_sha256")
    )
    return _measure(
        (row.image.patient.key, _mask(row.mask_key), _mask(truths[row.image_id]))
        for row in rows.select_related("image__patient").iterator(chunk_size=200)
        if row.image_id in truths and row.image.pixel_sha256 in pixel_hashes
    )


def images_read_in_rounds(project: Project) -> set[str]:
    """Return the pixel hashes of images judged with proposals, seed and sealed images left out."""
    rows = Annotation.objects.filter(project=project, purpose="read", reader__isnull=False)
    return set(rows.values_list("image__pixel_sha256", flat=True))


def changed_pixels(project: Project, pixel_hashes: Collection[str]) -> int:
    """Return the pixels that readers changed by hand on the named images.

    Only the last annotation of a case counts. It is compared with its base, so it includes the
    changes of earlier submissions.
    """
    current = Annotation.objects.filter(project=project, reader__isnull=False, superseded_by=None)
    rows = current.values_list("image__pixel_sha256", "added_pixels", "removed_pixels")
    return sum(added + removed for key, added, removed in rows if key in pixel_hashes)


def sealed_difference(last: Round, first: Round) -> PairedDifference:
    """Return pooled sealed Dice of `last` less `first`: paired by image, intervals by patient."""
    pairs = whole_cells_of_both(measured_cases(last), measured_cases(first))
    return paired_bootstrap(
        [new.counts for new, _ in pairs],
        [old.counts for _, old in pairs],
        [new.patient for new, _ in pairs],
        convention="pooled",
    )


def _truth_keys(project: Project) -> dict[object, str]:
    rows = Truth.objects.filter(image__project=project, label__key="infection")
    return dict(rows.values_list("image_id", "mask_key"))


def _proposed(proposal: Proposal) -> Mask:
    image = proposal.image
    p8 = decode_probability(storage.read(proposal.probability_key))
    return threshold_mask(p8, shape=(image.height, image.width), t8=proposal.threshold)


def _mask(key: str) -> Mask:
    return decode_mask(storage.read(key))


def _measure(pairs: Iterable[tuple[str, Mask, Mask]]) -> AgainstTruth:
    measured = [(patient, count_pixels(mask, truth)) for patient, mask, truth in pairs]
    counts = [image_counts for _, image_counts in measured]
    patients = [patient for patient, _ in measured]
    return AgainstTruth(
        per_image=estimate(counts, patients, convention="per_image"),
        pooled=estimate(counts, patients, convention="pooled"),
    )
