"""Every figure of agreement between masks: counts first, then ratios, then intervals by patient.

If both masks of an image are empty, a ratio is NaN: it is left out of means and counted separately.
If one mask is empty, the ratio is 0. Specificity and accuracy count the background, so they have a
value for empty masks too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mlloop.figures.bootstrap import (
    FigureOf,
    Json,
    count_patients_with_figure,
    divide_or_nan,
    interval_95,
    resample_figures,
    sum_by_patient,
    to_json,
    two_sided_p,
)
from mlloop.pixels.arrays import BoolArray, Float64Array

Convention = Literal["per_image", "pooled"]
MetricName = Literal[
    "dice", "iou", "sensitivity", "specificity", "precision", "accuracy", "f1", "f2"
]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)
METRICS: tuple[MetricName, ...] = get_args(MetricName)


@dataclass(frozen=True, slots=True)
class Counts:
    """The pixels of one image, or of many together, by proposal and truth."""

    tp: int
    fp: int
    fn: int
    tn: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its name, convention, number of images and 95 % interval.

    The value is NaN if nothing could be measured. `n` counts all images if the figure is pooled,
    and only the images with a value if it is per image.
    """

    name: str
    convention: Convention
    value: float
    n: int
    n_both_empty: int
    ci_low: float
    ci_high: float

    def as_json(self) -> Json:
        """Return the fields with None for NaN, which JSON cannot hold."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The value of one arm minus the value of the other, with its interval and two-sided p."""

    name: str
    convention: Convention
    difference: float
    ci_low: float
    ci_high: float
    p: float

    def as_json(self) -> Json:
        """Return the fields with None for NaN, which JSON cannot hold."""
        return to_json(self)


def count_pixels(pred: BoolArray, truth: BoolArray) -> Counts:
    """Count the pixels of two masks `(H, W) bool`. Raises ValueError if their sizes differ."""
    if pred.shape != truth.shape:
        raise ValueError(f"The masks have different sizes: {pred.shape} and {truth.shape}.")
    tp = int(np.count_nonzero(pred & truth))
    fp = int(np.count_nonzero(pred)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, pred.size - tp - fp - fn)


def pool_counts(images: Sequence[Counts]) -> Counts:
    """Add up the counts of many images."""
    return Counts(
        sum(image.tp for image in images),
        sum(image.fp for image in images),
        sum(image.fn for image in images),
        sum(image.tn for image in images),
    )


def is_both_empty(image: Counts) -> bool:
    """Say whether both masks are empty."""
    return image.tp + image.fp + image.fn == 0


def metric(name: MetricName, image: Counts) -> float:
    """Return one metric of one image, or of pooled counts."""
    return float(_metric_rows(name, _table([image]))[0])


def dice(image: Counts) -> float:
    """Return Dice = 2 tp / (2 tp + fp + fn); NaN if both masks are empty."""
    return metric("dice", image)


def iou(image: Counts) -> float:
    """Return IoU = tp / (tp + fp + fn); NaN if both masks are empty."""
    return metric("iou", image)


def summarise_per_image(values: Sequence[float]) -> tuple[float, int, int]:
    """Return the mean of the values that are not NaN, their number, and the number of NaN."""
    known = [value for value in values if not math.isnan(value)]
    mean = float(np.mean(known)) if known else math.nan
    return mean, len(known), len(values) - len(known)


def estimate(
    images: Sequence[Counts],
    patients: Sequence[str],
    *,
    name: MetricName = "dice",
    convention: Convention = "per_image",
    n_boot: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Measure images, with a 95 % interval by bootstrap of patients.

    The interval is NaN if fewer than two patients have a value.
    """
    sums, figure_of = _sums_by_patient(images, patients, name, convention)
    low, high = _interval(sums, figure_of, n_boot, seed)
    n_both_empty = sum(is_both_empty(image) for image in images)
    n = len(images) if convention == "pooled" else int(sums[:, 1].sum())
    value = float(figure_of(sums.sum(axis=0, keepdims=True))[0])
    return Estimate(name, convention, value, n, n_both_empty, low, high)


def estimate_all(
    images: Sequence[Counts], patients: Sequence[str], *, n_boot: int = 1000, seed: int = 0
) -> tuple[Estimate, ...]:
    """Measure images by every metric, pooled (as the paper does) and per image."""
    return tuple(
        estimate(images, patients, name=name, convention=convention, n_boot=n_boot, seed=seed)
        for name in METRICS
        for convention in CONVENTIONS
    )


def bootstrap_ci(
    values: Sequence[float], patients: Sequence[str], *, n_boot: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval, by patient, of the mean of the values that are not NaN."""
    sums = sum_by_patient(_values_and_presence(np.asarray(values, np.float64)), patients)
    return _interval(sums, _mean_rows, n_boot, seed)


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

    Both arms are resampled with the same patients. The value equals the difference of the two
    printed figures, because an image without a value in one arm stays in the mean of the other.
    """
    if len(a) != len(b):
        raise ValueError(f"The arms have {len(a)} and {len(b)} images; both need the same images.")
    sums_a, figure_of = _sums_by_patient(a, patients, name, convention)
    sums_b, _ = _sums_by_patient(b, patients, name, convention)
    width = sums_a.shape[1]

    def difference(rows: Float64Array) -> Float64Array:
        return figure_of(rows[:, :width]) - figure_of(rows[:, width:])

    both = np.hstack([sums_a, sums_b])
    value = float(difference(both.sum(axis=0, keepdims=True))[0])
    resamples = resample_figures(both, difference, n_boot, seed)
    # An interval needs two patients with a figure in at least one arm.
    n_patients = max(count_patients_with_figure(sums, figure_of) for sums in (sums_a, sums_b))
    low, high = interval_95(resamples, n_patients)
    return PairedDifference(name, convention, value, low, high, two_sided_p(resamples))


def _metric_rows(name: MetricName, table: Float64Array) -> Float64Array:
    """Return the metric of each row of counts `(n, 4)`: tp, fp, fn, tn."""
    tp, fp, fn, tn = table.T
    if name == "specificity":
        return divide_or_nan(tn, tn + fp)
    if name == "accuracy":
        return divide_or_nan(tp + tn, tp + fp + fn + tn)
    above, below = {
        "dice": (2 * tp, 2 * tp + fp + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "f2": (5 * tp, 5 * tp + 4 * fn + fp),
        "iou": (tp, tp + fp + fn),
        "sensitivity": (tp, tp + fn),
        "precision": (tp, tp + fp),
    }[name]
    # If only one mask is empty, the denominator can be 0. The metric is then 0, not NaN.
    ratio = divide_or_nan(above, below)
    ratio[(tp + fp + fn > 0) & (below == 0)] = 0.0
    return ratio


def _table(images: Sequence[Counts]) -> Float64Array:
    rows = [(image.tp, image.fp, image.fn, image.tn) for image in images]
    return np.array(rows, np.float64).reshape(-1, 4)


def _values_and_presence(values: Float64Array) -> Float64Array:
    """Return `(n, 2)`: each value, or 0 for NaN, and 1 if it is a value."""
    known = ~np.isnan(values)
    return np.column_stack([np.where(known, values, 0.0), known.astype(np.float64)])


def _mean_rows(rows: Float64Array) -> Float64Array:
    """Return the mean for each row of `(n, 2)`: sum of values, number of values."""
    return divide_or_nan(rows[:, 0], rows[:, 1])


def _sums_by_patient(
    images: Sequence[Counts], patients: Sequence[str], name: MetricName, convention: Convention
) -> tuple[Float64Array, FigureOf]:
    """Return the sums of each patient `(P, columns)`, and the function from sums to the figure."""
    table = _table(images)
    if convention == "pooled":
        return sum_by_patient(table, patients), lambda rows: _metric_rows(name, rows)
    values = _values_and_presence(_metric_rows(name, table))
    return sum_by_patient(values, patients), _mean_rows


def _interval(
    sums: Float64Array, figure_of: FigureOf, n_boot: int, seed: int
) -> tuple[float, float]:
    resamples = resample_figures(sums, figure_of, n_boot, seed)
    return interval_95(resamples, count_patients_with_figure(sums, figure_of))
