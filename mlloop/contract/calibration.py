"""The record of a round's calibration (weights, a temperature and thresholds), and its application.

`mlloop/figures/fitting.py` fits the values. Maps are averaged in whole numbers, so that every
machine gets the same map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlloop.pixels.arrays import ByteArray, Float64Array


@dataclass(frozen=True, slots=True)
class Bin:
    """Pixels of about the same probability: their number, mean probability and infected share."""

    n: int
    probability: float
    infected: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far probabilities differ from frequencies: the expected calibration error (ECE).

    Pixels are counted at the grid, in 15 equal bins. `ece` is None if there is no pixel.
    """

    ece: float | None
    n_pixels: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class FittedThreshold:
    """The t8 of one network or of the ensemble, and its out-of-fold Dice per infected image.

    `plan_dice` is the same Dice at the plan's threshold `plan_t8`. Both are None if no image is
    infected.
    """

    network: str
    t8: int
    plan_t8: int
    dice: float | None
    plan_dice: float | None


@dataclass(frozen=True, slots=True)
class CrossedFit:
    """The values fitted on all folds except `fold`. The figures of the films of `fold` use them.

    `parts` are the networks' weights in the plan's order. `t8s` are the networks' thresholds in the
    same order, followed by the ensemble's threshold.
    """

    fold: int
    parts: tuple[int, ...]
    temperature: float
    t8s: tuple[int, ...]

    def ensemble_map(self, maps: Sequence[ByteArray]) -> ByteArray:
        """Return the ensemble's map `(h, w) uint8` from the networks' maps, in the plan's order."""
        return blend_maps(maps, self.parts, temperature_table(self.temperature))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The values that proposing fitted. Evaluation uses the same values.

    `parts` are the networks' weights in the plan's order. `table[v]` is the new value of a p8 of v
    in the weighted mean. `notes` are sentences that say which values were not fitted, and why.
    `crossed` has a fit for each fold, or is empty if nothing was fitted. `before` and `after` are
    the reliability before and after the temperature, measured with these fits.
    """

    plan_sha256: str
    n_images: int
    n_infected: int
    parts: tuple[int, ...]
    temperature: float
    table: tuple[int, ...]
    before: Reliability
    after: Reliability
    thresholds: tuple[FittedThreshold, ...]
    notes: tuple[str, ...] = ()
    crossed: tuple[CrossedFit, ...] = ()

    def ensemble_map(self, maps: Sequence[ByteArray]) -> ByteArray:
        """Return the ensemble's map `(h, w) uint8` from the networks' maps, in the plan's order."""
        return blend_maps(maps, self.parts, self.table)

    def t8_of(self, network: str) -> int:
        """Return the threshold of a network, or of "ensemble"."""
        return next(fitted.t8 for fitted in self.thresholds if fitted.network == network)


def mean_p8(maps: Sequence[ByteArray], parts: Sequence[int] | None = None) -> ByteArray:
    """Return the mean of p8 maps `(h, w)`, in whole numbers, halves rounded up.

    `parts` are the weights of the maps. Without them all weights are equal.
    """
    weights = np.ones(len(maps), np.int64) if parts is None else np.array(parts, np.int64)
    weight_sum = int(weights.sum())
    total = np.tensordot(weights, np.stack(maps).astype(np.int64), axes=1)
    mean: ByteArray = np.floor_divide(2 * total + weight_sum, 2 * weight_sum).astype(np.uint8)
    return mean


def blend_maps(maps: Sequence[ByteArray], parts: Sequence[int], table: Sequence[int]) -> ByteArray:
    """Return the weighted mean of p8 maps `(h, w)`, with each value v replaced by `table[v]`."""
    blended: ByteArray = np.array(table, np.uint8)[mean_p8(maps, parts)]
    return blended


def temperature_table(temperature: float) -> tuple[int, ...]:
    """Return the new value of each p8 at a temperature, 256 values; 0 and 255 do not change."""
    if temperature == 1.0:
        return tuple(range(256))
    p = 1 / (1 + np.exp(-p8_logits() / temperature))
    return (0, *np.floor(255 * p + 0.5).astype(np.int64).tolist(), 255)


def p8_logits() -> Float64Array:
    """Return the logits of p8 = 1 to 254 `(254,)`; 0 and 255 have no finite logit."""
    p = np.arange(1, 255) / 255
    logits: Float64Array = np.log(p / (1 - p))
    return logits
