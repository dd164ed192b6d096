"""Redraw the masks of a blind pick alike, and measure their shapes for the curators' check.

The manual mask first passes the network's own path: to p8 at the grid, and back by the one rule.
The result is the same for each lease of an image in a round. Otherwise a reader who gets the case
again would see which mask had changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from annotation import storage
from annotation.models import Annotation, Assignment, Label, Reference
from mlloop.figures.distinguishing import FEATURES, shape_features
from mlloop.pixels.evening import redraw_alike
from mlloop.pixels.masks import decode_mask
from mlloop.pixels.raster import average_p8, threshold_mask

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BlindMask:
    """A mask `(H, W) bool` as the reader sees it, its origin, and its features by name."""

    mask: Mask
    proposal: UUID | None
    annotation: UUID | None
    features: dict[str, float]


def blind_masks(
    assignment: Assignment, label: Label, proposed: Sequence[tuple[UUID, Mask]]
) -> list[BlindMask]:
    """Return the masks of a blind case: the networks' in their order, then the manual one."""
    if assignment.round is None:
        return []
    grid = int(assignment.round.plan["grid"])
    origins: list[tuple[UUID | None, UUID | None]] = [(proposal, None) for proposal, _ in proposed]
    masks = [mask for _, mask in proposed]
    if (manual := _manual_annotation(assignment, label)) is not None:
        origins.append((None, manual.id))
        masks.append(_as_network_mask(manual, assignment, grid))
    redrawn = redraw_alike(masks, grid=grid, seed=_seed(assignment))
    return [
        BlindMask(mask, proposal, annotation, _features(mask, grid))
        for mask, (proposal, annotation) in zip(redrawn, origins, strict=True)
    ]


def _as_network_mask(manual: Annotation, assignment: Assignment, grid: int) -> Mask:
    shape = assignment.image.height, assignment.image.width
    drawn = decode_mask(storage.read(manual.mask_key), shape=shape)
    return threshold_mask(average_p8(drawn, grid=(grid, grid)), shape=shape, t8=128)


def _features(mask: Mask, grid: int) -> dict[str, float]:
    return dict(zip(FEATURES, shape_features(mask, grid=grid), strict=True))


def _seed(assignment: Assignment) -> int:
    """Return the seed of a round and image. No reader can compute it: no case names its round."""
    digest = hashlib.sha256(f"blind:{assignment.round_id}:{assignment.image_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _manual_annotation(assignment: Assignment, label: Label) -> Annotation | None:
    """Return the annotation of the reference mask that the reader judges."""
    reference = Reference.objects.filter(
        image=assignment.image, label=label, superseded_by=None
    ).first()
    return reference.annotations.exclude(mask_key="").first() if reference else None
