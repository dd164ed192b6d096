"""How often a simple attacker finds the drawn mask among the masks of a blind pick.

The attacker measures the shape of each mask, learns on other patients' picks which shape the drawn
mask has among its neighbours, and names one mask of each pick. Intervals are exact (binomial).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from mlloop.figures.bootstrap import Json, to_json
from mlloop.pixels.arrays import BoolArray, Float64Array, IntArray
from mlloop.pixels.masks import contour_length, mask_changes
from mlloop.pixels.raster import canonical_raster
from mlloop.pixels.thorax import label_parts

FEATURES = (
    "change under the raster",
    "perimeter over root area",
    "corners",
    "mean run",
    "spread of runs",
    "runs of one pixel",
    "parts",
    "holes",
    "smallest part",
)
PARTS_OF_PICKS = 10  # the picks are divided so often; each part is named by a fit on the others
PENALTY = 1.0  # on the squares of the weights, whose features have a spread of 1


@dataclass(frozen=True, slots=True)
class Pick:
    """The masks of one pick: features `(masks, features)`, and which of them was drawn."""

    patient: str
    features: Float64Array
    drawn: int


@dataclass(frozen=True, slots=True)
class NamedFirst:
    """In how many of `n` picks the attacker names the drawn mask, and the same for guessing.

    `ci_low` to `ci_high` is the exact 95 % interval (Clopper and Pearson) of `share`. Guessing
    names the share `chance` on average, and `chance_low` to `chance_high` in 95 of 100 such sets of
    picks. Shares are NaN without a pick.
    """

    n: int
    hits: int
    share: float
    ci_low: float
    ci_high: float
    chance: float
    chance_low: float
    chance_high: float

    @property
    def is_beyond_chance(self) -> bool:
        """Say whether guessing names so many in fewer than 1 of 40 such sets of picks."""
        return self.share > self.chance_high

    def as_json(self) -> Json:
        """Return the fields with None for NaN, which JSON cannot hold."""
        return to_json(self)


def shape_features(mask: BoolArray, *, grid: int) -> tuple[float, ...]:
    """Return the shape of a mask `(H, W)` as numbers in the order of `FEATURES`.

    All are 0 if the mask is empty. None depends on where the mask lies. Lengths are divided by the
    contour or the root of the area, so only the number of parts and holes depends on the size.
    """
    contour, area = contour_length(mask), int(np.count_nonzero(mask))
    if area == 0:
        return (0.0,) * len(FEATURES)
    added, removed = mask_changes(mask, canonical_raster(mask, grid=(grid, grid)))
    runs = _contour_runs(mask)
    labels, n_parts = label_parts(mask)
    _, n_background = label_parts(~np.pad(mask, 1))
    return (
        float(np.count_nonzero(added | removed)) / contour,
        contour / math.sqrt(area),
        len(runs) / contour,
        float(runs.mean()) / math.sqrt(area),
        float(runs.std() / runs.mean()),
        float((runs == 1).mean()),
        math.log(n_parts),
        math.log(n_background),
        float(np.bincount(labels.ravel())[1:].min()) / area,
    )


def named_first(picks: Sequence[Pick], *, seed: int = 0) -> NamedFirst:
    """Return how often a fit on other patients' picks names the drawn mask first.

    Of masks with equal scores, one is drawn by lot. Raises ValueError for a pick of one mask.
    """
    if any(len(pick.features) < 2 for pick in picks):
        raise ValueError("A pick needs at least two masks.")
    if not picks:
        return NamedFirst(0, 0, *(math.nan,) * 6)
    generator = np.random.default_rng(seed)
    table, is_mask = _comparisons(picks)
    drawn = np.array([pick.drawn for pick in picks])
    parts = _parts_by_patient(picks, generator)
    hits = 0
    for part in np.unique(parts):
        test = parts == part
        weights = _fit(table[~test], is_mask[~test], drawn[~test])
        scores = np.where(is_mask[test], table[test] @ weights, -np.inf)
        lots = generator.random(scores.shape)
        first = scores >= scores.max(axis=1, keepdims=True) - 1e-9
        hits += int(np.sum(np.where(first, lots, -1.0).argmax(axis=1) == drawn[test]))
    return _with_chance(hits, [len(pick.features) for pick in picks])


def _contour_runs(mask: BoolArray) -> IntArray:
    """Return the lengths of all straight runs of the contour, in pixel edges."""
    lengths = []
    for plane in (mask, mask.T):
        signed = np.diff(np.pad(plane, ((1, 1), (0, 0))).astype(np.int8), axis=0)
        edges = np.pad(signed, ((0, 0), (1, 1))).ravel()  # a row ends with 0, so no run goes on
        starts = np.flatnonzero(np.diff(edges)) + 1
        spans = np.diff(np.append(starts, edges.size))
        lengths.append(spans[edges[starts] != 0])
    runs: IntArray = np.concatenate(lengths)
    return runs


def _comparisons(picks: Sequence[Pick]) -> tuple[Float64Array, npt.NDArray[np.bool_]]:
    """Return `(picks, masks, 2 features)` and which of the masks exist; others are 0.

    A feature is compared with the mean of its pick: how much it differs, and how far.
    """
    most, n_features = max(len(pick.features) for pick in picks), picks[0].features.shape[1]
    differences = np.zeros((len(picks), most, n_features))
    is_mask = np.zeros((len(picks), most), np.bool_)
    for i, pick in enumerate(picks):
        differences[i, : len(pick.features)] = pick.features - pick.features.mean(axis=0)
        is_mask[i, : len(pick.features)] = True
    spread = differences[is_mask].std(axis=0)
    differences /= np.where(spread > 1e-12, spread, 1.0)
    far = np.abs(differences)
    mean_far = far.sum(axis=1, keepdims=True) / is_mask.sum(axis=1)[:, None, None]
    far = np.where(is_mask[..., None], far - mean_far, 0.0)
    return np.concatenate([differences, far], axis=2), is_mask


def _parts_by_patient(picks: Sequence[Pick], generator: np.random.Generator) -> IntArray:
    """Return the part of each pick. All picks of a patient are in the same part."""
    _, patient = np.unique([pick.patient for pick in picks], return_inverse=True)
    shuffled = generator.permutation(int(patient.max()) + 1)
    parts: IntArray = shuffled[patient] % PARTS_OF_PICKS
    return parts


def _fit(table: Float64Array, is_mask: npt.NDArray[np.bool_], drawn: IntArray) -> Float64Array:
    """Return the weights of a conditional logistic regression (McFadden 1974) within picks."""
    if not len(table):
        return np.zeros(table.shape[2])
    chosen = table[np.arange(len(table)), drawn]

    def loss(weights: Float64Array) -> tuple[float, Float64Array]:
        scores = np.where(is_mask, table @ weights, -np.inf)
        scores -= scores.max(axis=1, keepdims=True)
        likelihood = np.exp(scores)
        total = likelihood.sum(axis=1, keepdims=True)
        expected = ((likelihood / total)[..., None] * table).sum(axis=1)
        own = scores[np.arange(len(table)), drawn]
        value = float(np.sum(np.log(total[:, 0]) - own)) + PENALTY / 2 * float(weights @ weights)
        return value, (expected - chosen).sum(axis=0) + PENALTY * weights

    fitted = optimize.minimize(loss, np.zeros(table.shape[2]), jac=True, method="L-BFGS-B")
    weights: Float64Array = fitted.x
    return weights


def _with_chance(hits: int, sizes: Sequence[int]) -> NamedFirst:
    n = len(sizes)
    low = stats.beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = stats.beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    # The number of lucky guesses: a sum of one draw for each pick, whose chance is 1 / its masks.
    guesses = np.ones(1)
    for size in sizes:
        guesses = np.convolve(guesses, (1 - 1 / size, 1 / size))
    below = np.cumsum(guesses)
    return NamedFirst(
        n=n,
        hits=hits,
        share=hits / n,
        ci_low=float(low),
        ci_high=float(high),
        chance=float(np.mean([1 / size for size in sizes])),
        chance_low=float(np.searchsorted(below, 0.025)) / n,
        chance_high=float(np.searchsorted(below, 0.975)) / n,
    )
