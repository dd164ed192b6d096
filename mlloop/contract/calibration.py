"""What a round learns from its own out-of-fold maps: weights, a temperature and thresholds.

Fitted on histograms and sums, never on all maps at once, in whole numbers where a bit may matter.
It sees out-of-fold maps and their references only; below a floor of cases the plan's values stay.
What is served is fitted on all folds; what a film is scored by, on the other folds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mlloop.pixels.arrays import BoolArray, ByteArray

IntArray = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

PARTS = 840  # what the weights of an ensemble add up to: up to 8 networks can have equal shares
BINS = 15
MIN_INFECTED = 10
TIE = 0.002  # mean Dice: a flat top is noise, and a threshold that follows it loses out of sample
_TEMPERATURES = tuple(2.0 ** (step / 32) for step in range(-64, 65))


@dataclass(frozen=True, slots=True)
class Bin:
    """Pixels of about the same probability: their mean, and the share that is infected."""

    n: int
    probability: float
    infected: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far probabilities are from frequencies: ECE over pixels at the grid, 15 equal bins."""

    ece: float | None
    n_pixels: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class FittedThreshold:
    """The t8 of one network, or of the ensemble, and its Dice per infected image, out of fold."""

    network: str
    t8: int
    plan_t8: int
    dice: float | None
    plan_dice: float | None


@dataclass(frozen=True, slots=True)
class CrossedFit:
    """The values fitted on all folds but `fold`, to score the films of `fold` by.

    `t8s` are the thresholds of the networks in the plan's order, the ensemble's last.
    """

    fold: int
    parts: tuple[int, ...]
    temperature: float
    t8s: tuple[int, ...]

    def ensemble(self, maps: Sequence[ByteArray]) -> ByteArray:
        """Return the ensemble's map `(h, w) uint8` of the networks' maps, in the plan's order."""
        return blended(maps, self.parts, temperature_table(self.temperature))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What proposing fitted and evaluation repeats.

    `parts` are the networks' weights in the plan's order, `table` what a p8 of the weighted mean
    becomes. `notes` say in sentences what was not fitted, and why. `crossed` has a fit for each
    fold, or is empty where nothing was fitted; `before` and `after` the temperature are measured
    by those.
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

    def ensemble(self, maps: Sequence[ByteArray]) -> ByteArray:
        """Return the ensemble's map `(h, w) uint8` of the networks' maps, in the plan's order."""
        return blended(maps, self.parts, self.table)

    def t8(self, network: str) -> int:
        """Return the threshold of a network, or of the 'ensemble'."""
        return next(one.t8 for one in self.thresholds if one.network == network)


def mean_p8(maps: Sequence[ByteArray], parts: Sequence[int] | None = None) -> ByteArray:
    """Return the mean of p8 maps `(h, w)`, halves rounded up, in whole numbers only.

    `parts` weigh the maps; without them all count the same.
    """
    weights = np.ones(len(maps), np.int64) if parts is None else np.array(parts, np.int64)
    whole = int(weights.sum())
    total = np.tensordot(weights, np.stack(maps).astype(np.int64), axes=1)
    mean: ByteArray = np.floor_divide(2 * total + whole, 2 * whole).astype(np.uint8)
    return mean


def blended(maps: Sequence[ByteArray], parts: Sequence[int], table: Sequence[int]) -> ByteArray:
    """Return the weighted mean of p8 maps `(h, w)`, each value as `table` says."""
    shown: ByteArray = np.array(table, np.uint8)[mean_p8(maps, parts)]
    return shown


def histogram(p8: ByteArray, truth: BoolArray) -> IntArray:
    """Count the pixels of each p8 value `(2, 256)`: row 0 without infection, row 1 with."""
    index = p8.ravel().astype(np.int64) + 256 * truth.ravel()
    return np.bincount(index, minlength=512).reshape(2, 256)


@dataclass(slots=True)
class ThresholdSums:
    """Adds up, image by image, what the best threshold depends on."""

    pixels: IntArray = field(default_factory=lambda: np.zeros((2, 256), np.int64))
    dice: Float64Array = field(default_factory=lambda: np.zeros(257))  # at p8 >= 0..256
    n_infected: int = 0

    @classmethod
    def total(cls, many: Sequence[ThresholdSums]) -> ThresholdSums:
        """Add up the sums of several sets of images."""
        found = cls()
        for one in many:
            found.pixels += one.pixels
            found.dice += one.dice
            found.n_infected += one.n_infected
        return found

    def add(self, found: IntArray) -> None:
        """Add the histogram of one image."""
        self.pixels += found
        infected = int(found[1].sum())
        if infected == 0:
            return
        tp, fp = (np.append(np.cumsum(row[::-1])[::-1], 0) for row in (found[1], found[0]))
        self.dice += 2 * tp / (tp + fp + infected)
        self.n_infected += 1

    def fit(
        self, network: str, plan_t8: int, *, table: Sequence[int] = range(256), fitted: bool = True
    ) -> FittedThreshold:
        """Return the t8 nearest to the plan's whose mean Dice per infected image is within `TIE` of
        the best.

        `table` (never falling) is what each p8 becomes before the threshold.
        """
        if self.n_infected == 0:
            return FittedThreshold(network, plan_t8, plan_t8, None, None)
        # The mask of a t8 holds every p8 that the table brings up to it.
        mean = self.dice[np.searchsorted(np.array(table), np.arange(1, 256))] / self.n_infected
        good = [t8 for t8 in range(1, 256) if mean[t8 - 1] >= mean.max() - TIE]
        t8 = min(good, key=lambda t8: (abs(t8 - plan_t8), t8)) if fitted else plan_t8
        return FittedThreshold(
            network, t8, plan_t8, round(float(mean[t8 - 1]), 6), round(float(mean[plan_t8 - 1]), 6)
        )


@dataclass(slots=True)
class WeightSums:
    """Adds up the products of the networks' maps with each other and with the truth."""

    products: IntArray
    with_truth: IntArray

    @classmethod
    def of(cls, networks: int) -> WeightSums:
        """Begin with nothing."""
        return cls(np.zeros((networks, networks), np.int64), np.zeros(networks, np.int64))

    @classmethod
    def total(cls, many: Sequence[WeightSums], networks: int) -> WeightSums:
        """Add up the sums of several sets of images."""
        found = cls.of(networks)
        for one in many:
            found.products += one.products
            found.with_truth += one.with_truth
        return found

    def add(self, maps: Sequence[ByteArray], truth: BoolArray) -> None:
        """Add the maps `(h, w)` of one image, in the plan's order of networks."""
        values = np.stack(maps).astype(np.int64).reshape(len(maps), -1)
        self.products += values @ values.T
        self.with_truth += values @ truth.ravel().astype(np.int64)

    def fit(self) -> tuple[int, ...]:
        """Return the parts of `PARTS` whose weighted mean has the least squared error.

        Moves one part at a time between two networks, from equal parts, while the error falls. The
        error is convex in the weights, so this ends within a part of the best ones.
        """
        parts = equal_parts(len(self.with_truth))
        best = self._error(parts)
        while True:
            tried = [(self._error(moved), moved) for moved in _moves(parts)]
            error, moved = min(tried, default=(best, parts))
            if error >= best:
                return tuple(parts)
            best, parts = error, moved

    def _error(self, parts: list[int]) -> int:
        """Return the squared error up to a constant and a factor, exactly."""
        squares = sum(
            one * other * int(self.products[i, j])
            for i, one in enumerate(parts)
            for j, other in enumerate(parts)
        )
        across = sum(part * int(own) for part, own in zip(parts, self.with_truth, strict=True))
        return squares - 2 * 255 * PARTS * across


def equal_parts(networks: int) -> list[int]:
    """Return parts of `PARTS` that are as equal as whole numbers allow."""
    share, left = divmod(PARTS, networks)
    return [share + (i < left) for i in range(networks)]


def _moves(parts: list[int]) -> list[list[int]]:
    moves = []
    for giver, part in enumerate(parts):
        for taker in range(len(parts)):
            if part > 0 and giver != taker:
                moved = list(parts)
                moved[giver] -= 1
                moved[taker] += 1
                moves.append(moved)
    return moves


def fit_temperature(pixels: IntArray) -> float:
    """Return the temperature that makes the truth of a histogram `(2, 256)` likeliest.

    One of 129 steps from 1/4 to 4, ties towards 1. Certain pixels, 0 and 255, have no finite logit
    and take no part.
    """
    without, infected = pixels[:, 1:255]
    if not (without.any() and infected.any()):
        return 1.0
    logits = _logits()

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        losses = infected * np.logaddexp(0, -scaled) + without * np.logaddexp(0, scaled)
        return float(losses.sum())

    best: float = min(_TEMPERATURES, key=lambda one: (loss(one), abs(math.log(one))))
    return best


def temperature_table(temperature: float) -> tuple[int, ...]:
    """Return what each p8 becomes at a temperature `(256)`; 0 and 255 stay."""
    if temperature == 1.0:
        return tuple(range(256))
    p = 1 / (1 + np.exp(-_logits() / temperature))
    return (0, *np.floor(255 * p + 0.5).astype(np.int64).tolist(), 255)


def through_table(pixels: IntArray, table: Sequence[int]) -> IntArray:
    """Return the histogram `(2, 256)` once every p8 has become what `table` says."""
    moved = [np.bincount(table, weights=row, minlength=256) for row in pixels]
    return np.stack(moved).astype(np.int64)


def reliability(pixels: IntArray) -> Reliability:
    """Compare probability with frequency over a histogram `(2, 256)`; empty bins are left out."""
    values = np.arange(256)
    place = np.minimum(values * BINS // 255, BINS - 1)
    of_bin = place == np.arange(BINS)[:, None]
    n = of_bin @ pixels.sum(axis=0)
    probability = of_bin @ (pixels.sum(axis=0) * values) / 255
    infected = of_bin @ pixels[1]
    bins = tuple(
        Bin(int(n[i]), round(float(probability[i] / n[i]), 6), round(float(infected[i] / n[i]), 6))
        for i in range(BINS)
        if n[i]
    )
    total = int(n.sum())
    ece = float(np.abs(probability - infected).sum() / total) if total else None
    return Reliability(None if ece is None else round(ece, 6), total, bins)


def _logits() -> Float64Array:
    p = np.arange(1, 255) / 255
    logits: Float64Array = np.log(p / (1 - p))
    return logits
