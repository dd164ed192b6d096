"""COVID-positive or not, image by image: rules, ROC curve, AUC and rates, with intervals.

The paper calls an image positive if one pixel is predicted. An area rule needs a share of the film.
A figure is NaN if it needs images of a class and there are no such images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlloop.figures.bootstrap import (
    FigureOf,
    Json,
    divide_or_nan,
    interval_95,
    resample_patients,
    to_json,
)
from mlloop.pixels.arrays import BoolArray, Float64Array, IntArray

RateName = Literal["sensitivity", "specificity", "precision", "accuracy", "f1", "f2"]
RATES: tuple[RateName, ...] = ("sensitivity", "specificity", "precision", "accuracy", "f1", "f2")


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """One image: its truth, and a score that rises with the probability of infection.

    The score may be the predicted share of the film, the highest probability on it, or the
    probability of a classifier. It must be a finite number.
    """

    patient: str
    source: str
    positive: bool
    score: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.score):
            raise ValueError(
                f"The score of an image of patient {self.patient} is {self.score};"
                " a finite number is needed."
            )


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: an image with a score of `least` or more is called positive."""

    name: str
    least: float


ANY_PIXEL = Rule("any pixel", math.ulp(0.0))  # for shares of the film: any share above 0


@dataclass(frozen=True, slots=True)
class ImageEstimate:
    """A figure over whole images. NaN if it needs images of a class and there are no such images.

    `n` counts all images, `n_positive` the images with infection. The interval is 95 %, by patient.
    """

    name: str
    convention: str
    rule: str
    value: float
    n: int
    n_positive: int
    ci_low: float
    ci_high: float

    def as_json(self) -> Json:
        """Return the fields with None for NaN, which JSON cannot hold."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class RocCurve:
    """The corners of a ROC curve from (0, 0) to (1, 1); the first threshold is infinite.

    Empty if all images are of one class.
    """

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    thresholds: tuple[float, ...]

    def as_json(self) -> dict[str, list[float | None]]:
        """Return three lists of equal length; None is the infinite threshold."""
        cuts = [cut if math.isfinite(cut) else None for cut in self.thresholds]
        return {"fpr": list(self.fpr), "tpr": list(self.tpr), "thresholds": cuts}


@dataclass(frozen=True, slots=True)
class SourceAuc:
    """The AUC within one source, and a warning about it, which may be empty."""

    source: str
    auc: ImageEstimate
    warning: str

    def as_json(self) -> dict[str, str | Json]:
        """Return the fields, with the estimate as JSON."""
        return {"source": self.source, "auc": self.auc.as_json(), "warning": self.warning}


def roc_curve(images: Sequence[ScoredImage]) -> RocCurve:
    """Return the ROC curve. Points on a straight line between two others are left out."""
    scores, positive = _columns(images)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if n_positive == 0 or n_negative == 0:
        return RocCurve((), (), ())
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=np.inf))
    tp = np.concatenate([[0], np.cumsum(positive[order])[last]])
    fp = np.concatenate([[0], np.cumsum(~positive[order])[last]])
    cuts = np.concatenate([[np.inf], scores[order][last]])
    bends = (np.diff(tp, 2) != 0) | (np.diff(fp, 2) != 0)
    keep = np.concatenate([[True], bends, [True]])
    fpr, tpr = fp[keep] / n_negative, tp[keep] / n_positive
    return RocCurve(tuple(fpr.tolist()), tuple(tpr.tolist()), tuple(cuts[keep].tolist()))


def auc(images: Sequence[ScoredImage], *, n_boot: int = 1000, seed: int = 0) -> ImageEstimate:
    """Return the area under the ROC curve, ties counted half; NaN if one class has no image."""
    scores, positive = _columns(images)
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    sick = positive[order]

    def auc_of(weights: Float64Array) -> Float64Array:
        return _auc_rows(weights[:, order], sick, starts)

    return _estimate("auc", "any cut-off", images, auc_of, n_boot=n_boot, seed=seed)


def rates(
    images: Sequence[ScoredImage], rule: Rule, *, n_boot: int = 1000, seed: int = 0
) -> tuple[ImageEstimate, ...]:
    """Return sensitivity, specificity, precision, accuracy, F1 and F2 over images by a rule."""
    scores, positive = _columns(images)
    called = scores >= rule.least  # called positive by the rule
    cells = np.column_stack(
        [called & positive, called & ~positive, ~called & positive, ~called & ~positive]
    ).astype(np.float64)

    def estimate_rate(name: RateName) -> ImageEstimate:
        def rate_of(weights: Float64Array) -> Float64Array:
            return _rate_rows(name, weights @ cells)

        return _estimate(name, rule.name, images, rate_of, n_boot=n_boot, seed=seed)

    return tuple(estimate_rate(name) for name in RATES)


def auc_by_source(
    images: Sequence[ScoredImage], *, n_boot: int = 1000, seed: int = 0
) -> tuple[SourceAuc, ...]:
    """Return the AUC within each source, sources in order of their name.

    If a source holds one class only, a high AUC over all sources proves little. A warning says so.
    """
    by_source = []
    for source in sorted({image.source for image in images}):
        of_source = [image for image in images if image.source == source]
        estimate = auc(of_source, n_boot=n_boot, seed=seed)
        by_source.append(SourceAuc(source, estimate, _one_class_warning(source, estimate)))
    return tuple(by_source)


def best_rule(images: Sequence[ScoredImage], name: str) -> Rule | None:
    """Return the rule with the highest sensitivity + specificity, ties to the higher cut-off.

    Fit it on out-of-fold images and test it on other images. Returns None if all images are of one
    class.
    """
    curve = roc_curve(images)
    if not curve.fpr:
        return None
    gain = np.asarray(curve.tpr) - np.asarray(curve.fpr)
    # Skip the first corner: its infinite cut-off calls no image positive.
    return Rule(name, curve.thresholds[1 + int(np.argmax(gain[1:]))])


def _one_class_warning(source: str, estimate: ImageEstimate) -> str:
    if 0 < estimate.n_positive < estimate.n:
        return ""
    kind = "without infection" if estimate.n_positive == 0 else "with infection"
    return (
        f"All {estimate.n} images of {source} are {kind}. The other class comes from elsewhere:"
        " a network can learn the source instead of the disease, and the AUC over all sources"
        " may be too good."
    )


def _columns(images: Sequence[ScoredImage]) -> tuple[Float64Array, BoolArray]:
    scores = np.array([image.score for image in images], np.float64)
    return scores, np.array([image.positive for image in images], np.bool_)


def _auc_rows(weights: Float64Array, sick: BoolArray, starts: IntArray) -> Float64Array:
    """Return the AUC for each row of image weights `(b, n)`. The images are sorted by score.

    `starts` holds the first index of each group of equal scores.
    """
    if weights.shape[1] == 0:
        return np.full(len(weights), np.nan)
    positives = np.add.reduceat(weights * sick, starts, axis=1)
    negatives = np.add.reduceat(weights * ~sick, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    wins = (positives * (below + negatives / 2)).sum(axis=1)
    return divide_or_nan(wins, positives.sum(axis=1) * negatives.sum(axis=1))


def _rate_rows(name: RateName, table: Float64Array) -> Float64Array:
    tp, fp, fn, tn = table.T
    above, below = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "precision": (tp, tp + fp),
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "f2": (5 * tp, 5 * tp + 4 * fn + fp),
    }[name]
    return divide_or_nan(above, below)


def _estimate(
    name: str,
    rule: str,
    images: Sequence[ScoredImage],
    figure_of: FigureOf,
    *,
    n_boot: int,
    seed: int,
) -> ImageEstimate:
    """Measure with `figure_of`, which takes image weights `(b, n)`; the interval is by patient."""
    whole = float(figure_of(np.ones((1, len(images))))[0])
    drawn = [figure_of(weights) for weights in _resample_weights(images, n_boot, seed)]
    figures = np.concatenate(drawn) if drawn else np.empty(0)
    n_patients = len({image.patient for image in images})
    low, high = interval_95(figures[~np.isnan(figures)], n_patients)
    n_positive = sum(image.positive for image in images)
    return ImageEstimate(name, "image_level", rule, whole, len(images), n_positive, low, high)


def _resample_weights(
    images: Sequence[ScoredImage], n_boot: int, seed: int
) -> Iterator[Float64Array]:
    """Yield how often each image is in each resample of patients, `(b, n)`, in blocks."""
    keys, index = np.unique([image.patient for image in images], return_inverse=True)
    if len(keys) == 0 or n_boot < 1:
        return
    for chosen in resample_patients(len(keys), n_boot, seed, width=len(images)):
        rows = len(chosen)
        places = chosen + np.arange(rows)[:, None] * len(keys)
        times = np.bincount(places.ravel(), minlength=rows * len(keys))
        yield times.reshape(rows, len(keys))[:, index].astype(np.float64)
