"""The best threshold of a network or an ensemble, from sums over its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mlloop.contract.calibration import FittedThreshold
from mlloop.pixels.arrays import Float64Array, IntArray

# In mean Dice. Smaller differences are noise: a threshold that follows them is worse on new images.
TIE = 0.002


@dataclass(slots=True)
class ThresholdSums:
    """The sums over images that the best threshold is computed from.

    `pixels` is a histogram of p8: row 0 healthy, row 1 infected. `dice` sums the Dice of the
    infected images at each threshold.
    """

    pixels: IntArray = field(default_factory=lambda: np.zeros((2, 256), np.int64))
    dice: Float64Array = field(default_factory=lambda: np.zeros(257))  # at p8 >= 0..256
    n_infected: int = 0

    @classmethod
    def add_up(cls, sets: Sequence[ThresholdSums]) -> ThresholdSums:
        """Return the sums over several sets of images."""
        total = cls()
        for sums in sets:
            total.pixels += sums.pixels
            total.dice += sums.dice
            total.n_infected += sums.n_infected
        return total

    def add(self, histogram: IntArray) -> None:
        """Add the histogram `(2, 256)` of one image."""
        self.pixels += histogram
        infected = int(histogram[1].sum())
        if infected == 0:
            return
        tp, fp = (np.append(np.cumsum(row[::-1])[::-1], 0) for row in (histogram[1], histogram[0]))
        self.dice += 2 * tp / (tp + fp + infected)
        self.n_infected += 1

    def fit(
        self, network: str, plan_t8: int, *, table: Sequence[int] = range(256), fitted: bool = True
    ) -> FittedThreshold:
        """Return the t8 nearest to the plan's whose mean Dice is within `TIE` of the best.

        The mean is over infected images. Each p8 of v is replaced by `table[v]` before the
        threshold; the values of `table` must not decrease. If `fitted` is False, the plan's t8 is
        returned with its Dice.
        """
        if self.n_infected == 0:
            return FittedThreshold(network, plan_t8, plan_t8, None, None)
        # A p8 is in the mask of a t8 if its value in the table reaches t8.
        mean = self.dice[np.searchsorted(np.array(table), np.arange(1, 256))] / self.n_infected
        good = [t8 for t8 in range(1, 256) if mean[t8 - 1] >= mean.max() - TIE]
        t8 = min(good, key=lambda t8: (abs(t8 - plan_t8), t8)) if fitted else plan_t8
        return FittedThreshold(
            network, t8, plan_t8, round(float(mean[t8 - 1]), 6), round(float(mean[plan_t8 - 1]), 6)
        )
