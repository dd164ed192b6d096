"""Counts of a map at every threshold at once, and the best threshold of the other folds.

Owns which threshold an activation map may have: a map that is stretched within its film has none of
its own, so it gets the one that suits it best on the images of all other folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlloop.figures.metrics import Counts
from mlloop.pixels.arrays import BoolArray, ByteArray, IntArray
from mlloop.pixels.raster import upsample_p8


def level_counts(p8: ByteArray, truth: BoolArray) -> IntArray:
    """Count the values of a map, upsampled to `truth` `(H, W)`: `(2, 256)`, inside it and in all.

    Every threshold's counts follow from it, pixel for pixel those of `threshold_mask`.
    """
    values = upsample_p8(p8, shape=(truth.shape[0], truth.shape[1]))
    inside = np.bincount(values[truth], minlength=256)
    return np.stack([inside, np.bincount(values.ravel(), minlength=256)]).astype(np.int64)


def counts_at(levels: IntArray, t8: int) -> Counts:
    """Return the counts of one image at a threshold."""
    tp, called = (int(row[t8:].sum()) for row in levels)
    truth, total = (int(row.sum()) for row in levels)
    return Counts(tp, called - tp, truth - tp, total - called - truth + tp)


def best_t8(many: Sequence[IntArray]) -> int:
    """Return the threshold, 1 to 255, with the highest Dice pooled over images; 128 if none."""
    total = np.sum(many, axis=0) if many else np.zeros((2, 256), np.int64)
    at_least = total[:, ::-1].cumsum(axis=1)[:, ::-1]
    below = at_least[1] + total[0].sum()
    dice = np.divide(2.0 * at_least[0], below, out=np.zeros(256), where=below > 0)[1:]
    return 1 + int(dice.argmax()) if dice.any() else 128


def crossed_t8(levels: Sequence[IntArray], folds: Sequence[int]) -> dict[int, int]:
    """Return a threshold for each fold, chosen on the images of all other folds."""
    return {
        fold: best_t8([one for one, own in zip(levels, folds, strict=True) if own != fold])
        for fold in sorted(set(folds))
    }


def told(thresholds: Mapping[int, int]) -> str:
    """Say thresholds chosen by fold in words."""
    values = ", ".join(str(thresholds[fold]) for fold in sorted(thresholds))
    return f"best pooled Dice on the other folds ({values} of 255)"
