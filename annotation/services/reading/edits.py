"""Derive the verdict, the provenance and the changed pixels of a submitted mask. No database."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from annotation.models import Provenance, Verdict
from mlloop.figures.metrics import count_pixels, dice
from mlloop.pixels.masks import contour_length, mask_changes

Mask = npt.NDArray[np.bool_]
Decision = Literal["accept", "no_infection", "exclude"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A verdict and its figures. Without a base, every pixel counts as drawn."""

    verdict: Verdict
    provenance: Provenance
    agreement: float | None = None
    added_pixels: int = 0
    removed_pixels: int = 0
    redrawn_contour: int = 0


EXCLUDED = Edit(Verdict.EXCLUDED, Provenance.MANUAL)


def derive_edit(
    *, mask: Mask, base: Mask | None, is_base_proposed: bool, decision: Decision
) -> Edit:
    """Compare `mask` with `base`, the candidate that it was made from, both `(H, W) bool`."""
    if base is None:
        verdict = Verdict.REDRAWN if mask.any() and decision == "accept" else Verdict.NO_INFECTION
        drawn = int(np.count_nonzero(mask))
        return Edit(verdict, Provenance.MANUAL, None, drawn, 0, contour_length(mask))
    added, removed = mask_changes(base, mask)
    agreement = dice(count_pixels(mask, base))
    is_same = not added.any() and not removed.any()
    return Edit(
        verdict=_verdict(mask, is_same=is_same, decision=decision),
        provenance=_provenance(is_same=is_same, is_base_proposed=is_base_proposed),
        agreement=None if math.isnan(agreement) else agreement,
        added_pixels=int(np.count_nonzero(added)),
        removed_pixels=int(np.count_nonzero(removed)),
        redrawn_contour=_new_contour(base, mask),
    )


def _verdict(mask: Mask, *, is_same: bool, decision: Decision) -> Verdict:
    if decision == "no_infection":
        return Verdict.NO_INFECTION
    if is_same:
        return Verdict.PICKED
    return Verdict.CORRECTED if mask.any() else Verdict.NO_INFECTION


def _provenance(*, is_same: bool, is_base_proposed: bool) -> Provenance:
    if not is_base_proposed:
        return Provenance.MANUAL
    return Provenance.AUTOMATIC if is_same else Provenance.SEMIAUTOMATIC


def _new_contour(base: Mask, mask: Mask) -> int:
    """Count the pixel edges of the mask's outline that the base's outline does not have."""
    before, after = np.pad(base, 1), np.pad(mask, 1)
    across = (after[:, 1:] != after[:, :-1]) & (before[:, 1:] == before[:, :-1])
    down = (after[1:] != after[:-1]) & (before[1:] == before[:-1])
    return int(np.count_nonzero(across) + np.count_nonzero(down))
