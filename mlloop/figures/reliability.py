"""How far probabilities differ from frequencies, and the temperature that brings them together.

Works on histograms `(2, 256)` of p8 values: row 0 counts healthy pixels, row 1 infected pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mlloop.contract.calibration import Bin, Reliability, p8_logits
from mlloop.pixels.arrays import BoolArray, ByteArray, IntArray

BINS = 15
_TEMPERATURES = tuple(2.0 ** (step / 32) for step in range(-64, 65))


def count_p8(p8: ByteArray, truth: BoolArray) -> IntArray:
    """Count the pixels of each p8 value `(2, 256)`: row 0 healthy, row 1 infected."""
    index = p8.ravel().astype(np.int64) + 256 * truth.ravel()
    return np.bincount(index, minlength=512).reshape(2, 256)


def fit_temperature(pixels: IntArray) -> float:
    """Return the temperature that gives the truth of a histogram `(2, 256)` the highest likelihood.

    Tries 129 values from 1/4 to 4. If several are equally good, the value nearest to 1 wins. Pixels
    of 0 and 255 have no finite logit and are left out.
    """
    healthy, infected = pixels[:, 1:255]
    if not (healthy.any() and infected.any()):
        return 1.0
    logits = p8_logits()

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        losses = infected * np.logaddexp(0, -scaled) + healthy * np.logaddexp(0, scaled)
        return float(losses.sum())

    best: float = min(_TEMPERATURES, key=lambda t: (loss(t), abs(math.log(t))))
    return best


def apply_table(pixels: IntArray, table: Sequence[int]) -> IntArray:
    """Return the histogram `(2, 256)` after each p8 of v is replaced by `table[v]`."""
    moved = [np.bincount(table, weights=row, minlength=256) for row in pixels]
    return np.stack(moved).astype(np.int64)


def measure_reliability(pixels: IntArray) -> Reliability:
    """Compare probability with frequency in a histogram `(2, 256)`; empty bins are left out."""
    values = np.arange(256)
    bin_of_value = np.minimum(values * BINS // 255, BINS - 1)
    is_in_bin = bin_of_value == np.arange(BINS)[:, None]
    n = is_in_bin @ pixels.sum(axis=0)
    probability = is_in_bin @ (pixels.sum(axis=0) * values) / 255
    infected = is_in_bin @ pixels[1]
    bins = tuple(
        Bin(int(n[i]), round(float(probability[i] / n[i]), 6), round(float(infected[i] / n[i]), 6))
        for i in range(BINS)
        if n[i]
    )
    total = int(n.sum())
    ece = float(np.abs(probability - infected).sum() / total) if total else None
    return Reliability(None if ece is None else round(ece, 6), total, bins)
