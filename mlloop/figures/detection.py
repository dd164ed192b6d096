"""COVID-positive or not, image by image: rules, ROC curve, AUC and rates, all with intervals.

The paper calls an image positive with one predicted pixel; an area rule asks for a share of the
film. A class that is missing makes a figure NaN beside its n; it is never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlloop.pixels.arrays import Float64Array, IntArray

RateName = Literal["sensitivity", "specificity", "precision", "accuracy", "f1", "f2"]
RATES: tuple[RateName, ...] = ("sensitivity", "specificity", "precision", "accuracy", "f1", "f2")
Json = dict[str, str | int | float | None]

_BLOCK = 4_000_000  # image weights held at once: 32 MB


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """One image: its truth, and a score that is higher where infection is likelier.

    The score may be the predicted share of the film, the highest probability on it, or what a
    classifier says. It must be a finite number.
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
    """An image is called positive where its score is at least `least`."""

    name: str
    least: float


ANY_PIXEL = Rule("any pixel", math.ulp(0.0))  # over a predicted share: any share above 0


@dataclass(frozen=True, slots=True)
class ImageEstimate:
    """A figure over whole images. NaN where a class it needs is missing.

    `n` counts the images, `n_positive` those with infection; the interval is 95 %, by patient.
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
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class RocCurve:
    """The corners of a ROC curve from (0, 0) to (1, 1); the first threshold is infinite.

    Empty where a class is missing.
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
    """The AUC within one source, and what must be said about it; `warning` may be empty."""

    source: str
    auc: ImageEstimate
    warning: str

    def as_json(self) -> dict[str, str | Json]:
        """Return the fields, the estimate as JSON."""
        return {"source": self.source, "auc": self.auc.as_json(), "warning": self.warning}


def roc_curve(images: Sequence[ScoredImage]) -> RocCurve:
    """Return the ROC curve without the points that lie on a straight line between two others."""
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
    """Return the area under the ROC curve, ties counted half; NaN where a class is missing."""
    scores, positive = _columns(images)
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    sick = positive[order]

    def of(weights: Float64Array) -> Float64Array:
        return _auc_rows(weights[:, order], sick, starts)

    return _estimate("auc", "any cut-off", images, of, n_boot=n_boot, seed=seed)


def rates(
    images: Sequence[ScoredImage], rule: Rule, *, n_boot: int = 1000, seed: int = 0
) -> tuple[ImageEstimate, ...]:
    """Return sensitivity, specificity, precision, accuracy, F1 and F2 over images by a rule."""
    scores, positive = _columns(images)
    called = scores >= rule.least
    cells = np.column_stack(
        [called & positive, called & ~positive, ~called & positive, ~called & ~positive]
    ).astype(np.float64)

    def of(name: RateName) -> ImageEstimate:
        def rate(weights: Float64Array) -> Float64Array:
            return _rate_rows(name, weights @ cells)

        return _estimate(name, rule.name, images, rate, n_boot=n_boot, seed=seed)

    return tuple(of(name) for name in RATES)


def auc_by_source(
    images: Sequence[ScoredImage], *, n_boot: int = 1000, seed: int = 0
) -> tuple[SourceAuc, ...]:
    """Return the AUC within each source, sources in order of their name.

    A high AUC over all sources proves little where a source holds one class: that is said.
    """
    found = []
    for source in sorted({image.source for image in images}):
        own = [image for image in images if image.source == source]
        estimate = auc(own, n_boot=n_boot, seed=seed)
        found.append(SourceAuc(source, estimate, _one_class_warning(source, estimate)))
    return tuple(found)


def best_rule(images: Sequence[ScoredImage], name: str) -> Rule | None:
    """Return the rule with the highest sensitivity + specificity, ties to the higher cut-off.

    Fit it on out-of-fold images and judge it on others. With a class missing there is none.
    """
    curve = roc_curve(images)
    if not curve.fpr:
        return None
    gain = np.asarray(curve.tpr) - np.asarray(curve.fpr)
    # The first corner calls nothing positive; no rule can be made of an infinite cut-off.
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


def _columns(images: Sequence[ScoredImage]) -> tuple[Float64Array, npt.NDArray[np.bool_]]:
    scores = np.array([image.score for image in images], np.float64)
    return scores, np.array([image.positive for image in images], np.bool_)


def _auc_rows(weights: Float64Array, sick: npt.NDArray[np.bool_], starts: IntArray) -> Float64Array:
    """Return the AUC for each row of image weights `(b, n)`, images in order of their score.

    `starts` holds the first place of each run of equal scores.
    """
    if weights.shape[1] == 0:
        return np.full(len(weights), np.nan)
    positives = np.add.reduceat(weights * sick, starts, axis=1)
    negatives = np.add.reduceat(weights * ~sick, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    wins = (positives * (below + negatives / 2)).sum(axis=1)
    return _ratio(wins, positives.sum(axis=1) * negatives.sum(axis=1))


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
    return _ratio(above, below)


def _ratio(above: Float64Array, below: Float64Array) -> Float64Array:
    ratio = np.full(above.shape, np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _estimate(
    name: str,
    rule: str,
    images: Sequence[ScoredImage],
    figure: Callable[[Float64Array], Float64Array],
    *,
    n_boot: int,
    seed: int,
) -> ImageEstimate:
    """Measure with `figure`, which takes image weights `(b, n)`; the interval is by patient."""
    whole = float(figure(np.ones((1, len(images))))[0])
    drawn = [figure(weights) for weights in _weights(images, n_boot, seed)]
    figures = np.concatenate(drawn) if drawn else np.empty(0)
    figures = figures[~np.isnan(figures)]
    if len({image.patient for image in images}) < 2:
        figures = np.empty(0)  # the resamples of one patient are all alike: no interval
    low, high = np.percentile(figures, (2.5, 97.5)) if figures.size else (math.nan, math.nan)
    n_positive = sum(image.positive for image in images)
    return ImageEstimate(
        name, "image_level", rule, whole, len(images), n_positive, float(low), float(high)
    )


def _weights(images: Sequence[ScoredImage], n_boot: int, seed: int) -> Iterator[Float64Array]:
    """Yield how often each image is in each resample of patients, `(b, n)`, in blocks."""
    keys, index = np.unique([image.patient for image in images], return_inverse=True)
    if len(keys) == 0 or n_boot < 1:
        return
    generator = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(images))
    for start in range(0, n_boot, step):
        rows = min(step, n_boot - start)
        chosen = generator.integers(0, len(keys), (rows, len(keys)))
        chosen += np.arange(rows)[:, None] * len(keys)
        times = np.bincount(chosen.ravel(), minlength=rows * len(keys))
        yield times.reshape(rows, len(keys))[:, index].astype(np.float64)
