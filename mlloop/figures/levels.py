"""The counts of a map at every threshold, and the best threshold on the other folds.

An activation map is scaled to 0..1 within its film, so it has no natural threshold. Each fold uses
the threshold that is best on the images of all other folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlloop.figures.metrics import Counts
from mlloop.pixels.arrays import BoolArray, ByteArray, IntArray
from mlloop.pixels.raster import upsample_p8


def count_levels(p8: ByteArray, truth: BoolArray) -> IntArray:
    """Return how often each map value occurs `(2, 256)`: inside `truth` `(H, W)`, and in the film.

    The map is upsampled to the size of `truth` first. `counts_at` makes the counts at any threshold
    from this table; they equal the counts of `threshold_mask`.
    """
    values = upsample_p8(p8, shape=(truth.shape[0], truth.shape[1]))
    inside = np.bincount(values[truth], minlength=256)
    return np.stack([inside, np.bincount(values.ravel(), minlength=256)]).astype(np.int64)


def counts_at(levels: IntArray, t8: int) -> Counts:
    """Return the counts of one image at a threshold."""
    tp, predicted = (int(row[t8:].sum()) for row in levels)
    truth, total = (int(row.sum()) for row in levels)
    return Counts(tp, predicted - tp, truth - tp, total - predicted - truth + tp)


def best_t8(levels: Sequence[IntArray]) -> int:
    """Return the threshold, 1 to 255, with the highest Dice pooled over images.

    Without an image, or if no threshold gives an overlap, return 128.
    """
    total = np.sum(levels, axis=0) if levels else np.zeros((2, 256), np.int64)
    at_least = total[:, ::-1].cumsum(axis=1)[:, ::-1]
    below = at_least[1] + total[0].sum()
    dice = np.divide(2.0 * at_least[0], below, out=np.zeros(256), where=below > 0)[1:]
    return 1 + int(dice.argmax()) if dice.any() else 128


def best_t8_by_fold(levels: Sequence[IntArray], folds: Sequence[int]) -> dict[int, int]:
    """Return a threshold for each fold, chosen on the images of all other folds."""
    return {
        fold: best_t8([image for image, its in zip(levels, folds, strict=True) if its != fold])
        for fold in sorted(set(folds))
    }


def describe_thresholds(thresholds: Mapping[int, int]) -> str:
    """Return a phrase that names the thresholds of all folds."""
    values = ", ".join(str(thresholds[fold]) for fold in sorted(thresholds))
    return f"best pooled Dice on the other folds ({values} of 255)"
