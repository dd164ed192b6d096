"""Every figure of agreement between masks: counts first, then ratios, then intervals by patient.

One convention holds everywhere: both masks empty is NaN, left out of means and counted beside
them; one mask empty is 0. Specificity and accuracy count the background and have a value anyway.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Convention = Literal["per_image", "pooled"]
MetricName = Literal[
    "dice", "iou", "sensitivity", "specificity", "precision", "accuracy", "f1", "f2"
]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)
METRICS: tuple[MetricName, ...] = get_args(MetricName)
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_BLOCK = 4_000_000  # patient draws held at once: 32 MB


@dataclass(frozen=True, slots=True)
class Counts:
    """The pixels of one image, or of many, by proposal and truth."""

    tp: int
    fp: int
    fn: int
    tn: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that says what it is. NaN where nothing could be measured.

    `n` counts the images in it: per image those with a value, pooled all that were pooled.
    """

    name: str
    convention: Convention
    value: float
    n: int
    n_both_empty: int
    ci_low: float
    ci_high: float

    def as_json(self) -> dict[str, str | int | float | None]:
        """Return the fields with None for NaN, which JSON cannot hold."""
        return {name: _or_none(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The value of one arm less the other on the same images, its interval and two-sided p."""

    name: str
    convention: Convention
    difference: float
    ci_low: float
    ci_high: float
    p: float

    def as_json(self) -> dict[str, str | int | float | None]:
        """Return the fields with None for NaN, which JSON cannot hold."""
        return {name: _or_none(value) for name, value in asdict(self).items()}


def counts(pred: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> Counts:
    """Count the pixels of two masks `(H, W) bool`. Raises ValueError where their sizes differ."""
    if pred.shape != truth.shape:
        raise ValueError(f"The masks have different sizes: {pred.shape} and {truth.shape}.")
    tp = int(np.count_nonzero(pred & truth))
    fp = int(np.count_nonzero(pred)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, pred.size - tp - fp - fn)


def pooled(many: Sequence[Counts]) -> Counts:
    """Add up the counts of many images."""
    return Counts(
        sum(one.tp for one in many),
        sum(one.fp for one in many),
        sum(one.fn for one in many),
        sum(one.tn for one in many),
    )


def is_both_empty(one: Counts) -> bool:
    """Tell whether neither mask has a pixel."""
    return one.tp + one.fp + one.fn == 0


def metric(name: MetricName, one: Counts) -> float:
    """Return one measure of one image, or of pooled counts."""
    return float(_metric_rows(name, _table([one]))[0])


def dice(one: Counts) -> float:
    """Return Dice = 2 tp / (2 tp + fp + fn); NaN where both masks are empty."""
    return metric("dice", one)


def iou(one: Counts) -> float:
    """Return IoU = tp / (tp + fp + fn); NaN where both masks are empty."""
    return metric("iou", one)


def summarise_per_image(values: Sequence[float]) -> tuple[float, int, int]:
    """Return the mean without NaN, the number of values in it, and the number of NaN left out."""
    known = [value for value in values if not math.isnan(value)]
    mean = float(np.mean(known)) if known else math.nan
    return mean, len(known), len(values) - len(known)


def estimate(
    many: Sequence[Counts],
    patients: Sequence[str],
    *,
    name: MetricName = "dice",
    convention: Convention = "per_image",
    n_boot: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Measure many images, with a 95 % interval by bootstrap of patients.

    Of fewer than two patients with a value there is no interval: it is NaN.
    """
    sums, reduce = _sums_by_patient(many, patients, name, convention)
    low, high = _interval(_resampled(sums, reduce, n_boot, seed), _n_telling(sums, reduce))
    n_both_empty = sum(is_both_empty(one) for one in many)
    n = len(many) if convention == "pooled" else int(sums[:, 1].sum())
    value = float(reduce(sums.sum(axis=0, keepdims=True))[0])
    return Estimate(name, convention, value, n, n_both_empty, low, high)


def every_estimate(
    many: Sequence[Counts], patients: Sequence[str], *, n_boot: int = 1000, seed: int = 0
) -> tuple[Estimate, ...]:
    """Measure everything there is, each pooled (the paper's way) and per image."""
    return tuple(
        estimate(many, patients, name=name, convention=convention, n_boot=n_boot, seed=seed)
        for name in METRICS
        for convention in CONVENTIONS
    )


def bootstrap_ci(
    values: Sequence[float], patients: Sequence[str], *, n_boot: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of per-image values, NaN left out, by patient."""
    sums = _group(_values_and_presence(np.asarray(values, np.float64)), patients)
    return _interval(_resampled(sums, _mean_rows, n_boot, seed), _n_telling(sums, _mean_rows))


def paired_bootstrap(
    a: Sequence[Counts],
    b: Sequence[Counts],
    patients: Sequence[str],
    *,
    name: MetricName = "dice",
    convention: Convention = "pooled",
    n_boot: int = 1000,
    seed: int = 0,
) -> PairedDifference:
    """Compare two arms on the same images: value(a) - value(b), its 95 % interval, two-sided p.

    Both arms are resampled with the same patients. Each keeps its own mean, so the difference is
    that of the two printed figures.
    """
    if len(a) != len(b):
        raise ValueError(f"The arms have {len(a)} and {len(b)} images; they must be the same ones.")
    sums_a, reduce = _sums_by_patient(a, patients, name, convention)
    sums_b, _ = _sums_by_patient(b, patients, name, convention)
    width = sums_a.shape[1]

    def difference(rows: Float64Array) -> Float64Array:
        return reduce(rows[:, :width]) - reduce(rows[:, width:])

    both = np.hstack([sums_a, sums_b])
    value = float(difference(both.sum(axis=0, keepdims=True))[0])
    resamples = _resampled(both, difference, n_boot, seed)
    # Only who tells nothing of either arm counts for nobody.
    low, high = _interval(resamples, max(_n_telling(sums_a, reduce), _n_telling(sums_b, reduce)))
    return PairedDifference(name, convention, value, low, high, _two_sided(resamples))


def _metric_rows(name: MetricName, table: Float64Array) -> Float64Array:
    """Return a measure for each row of `(n, 4)` counts (tp, fp, fn, tn)."""
    tp, fp, fn, tn = table.T
    if name == "specificity":
        return _ratio(tn, tn + fp)
    if name == "accuracy":
        return _ratio(tp + tn, tp + fp + fn + tn)
    above, below = {
        "dice": (2 * tp, 2 * tp + fp + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "f2": (5 * tp, 5 * tp + 4 * fn + fp),
        "iou": (tp, tp + fp + fn),
        "sensitivity": (tp, tp + fn),
        "precision": (tp, tp + fp),
    }[name]
    # One mask empty makes a denominator 0 while there is something to miss: that is 0, not NaN.
    ratio = _ratio(above, below)
    ratio[(tp + fp + fn > 0) & (below == 0)] = 0.0
    return ratio


def _ratio(above: Float64Array, below: Float64Array) -> Float64Array:
    ratio = np.full(above.shape, np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _table(many: Sequence[Counts]) -> Float64Array:
    rows = [(one.tp, one.fp, one.fn, one.tn) for one in many]
    return np.array(rows, np.float64).reshape(-1, 4)


def _values_and_presence(values: Float64Array) -> Float64Array:
    known = ~np.isnan(values)
    return np.column_stack([np.where(known, values, 0.0), known.astype(np.float64)])


def _mean_rows(rows: Float64Array) -> Float64Array:
    """Return the mean for each row of `(n, 2)`: sum of values, number of values."""
    return _ratio(rows[:, 0], rows[:, 1])


def _sums_by_patient(
    many: Sequence[Counts], patients: Sequence[str], name: MetricName, convention: Convention
) -> tuple[Float64Array, Callable[[Float64Array], Float64Array]]:
    """Return sums `(P, columns)` and how a row of them becomes the figure.

    Both conventions are ratios of sums over images: a resample of patients needs only their sums.
    """
    table = _table(many)
    if convention == "pooled":
        return _group(table, patients), lambda rows: _metric_rows(name, rows)
    return _group(_values_and_presence(_metric_rows(name, table)), patients), _mean_rows


def _group(rows: Float64Array, patients: Sequence[str]) -> Float64Array:
    if len(rows) != len(patients):
        raise ValueError(f"There are {len(rows)} images but {len(patients)} patients for them.")
    # In order of the key, so that the draws do not depend on the order of the images.
    keys, index = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
    sums = np.zeros((len(keys), rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def _draws(n_patients: int, n_boot: int, seed: int) -> Iterator[IntArray]:
    generator = np.random.default_rng(seed)
    step = max(1, _BLOCK // n_patients)
    for start in range(0, n_boot, step):
        yield generator.integers(0, n_patients, (min(step, n_boot - start), n_patients))


def _resampled(
    sums: Float64Array, reduce: Callable[[Float64Array], Float64Array], n_boot: int, seed: int
) -> Float64Array:
    """Return the figure of each resample that has one: `(n_boot,)` or fewer."""
    if len(sums) == 0 or n_boot < 1:
        return np.empty(0)
    parts = []
    for chosen in _draws(len(sums), n_boot, seed):
        # One column at a time: a gather of whole rows is five times as much memory at once.
        columns = [column[chosen].sum(axis=1) for column in sums.T]
        parts.append(reduce(np.column_stack(columns)))
    figures = np.concatenate(parts)
    return figures[~np.isnan(figures)]


def _n_telling(sums: Float64Array, reduce: Callable[[Float64Array], Float64Array]) -> int:
    """Count the patients who have the figure of their own; the others move no resample."""
    return int(np.count_nonzero(~np.isnan(reduce(sums))))


def _interval(figures: Float64Array, n_patients: int) -> tuple[float, float]:
    """Return the interval; NaN below two patients, whose resamples would all be alike."""
    if figures.size == 0 or n_patients < 2:
        return math.nan, math.nan
    low, high = np.percentile(figures, (2.5, 97.5))
    return float(low), float(high)


def _two_sided(differences: Float64Array) -> float:
    if differences.size == 0:
        return math.nan
    below = int(np.count_nonzero(differences <= 0.0))
    above = int(np.count_nonzero(differences >= 0.0))
    # One is added to both, as a resample count of 0 is no proof of p = 0 (Davison and Hinkley).
    return min(1.0, 2.0 * (min(below, above) + 1) / (differences.size + 1))


def _or_none(value: str | float) -> str | int | float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
