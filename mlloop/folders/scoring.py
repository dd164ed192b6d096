"""The rows of the paper's table, which compare proposals and activation maps with expert masks.

`levels.py` counts the pixels of a map. `metrics.py` and `detection.py` compute the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlloop.figures.detection import (
    ANY_PIXEL,
    Rule,
    ScoredImage,
    auc,
    auc_by_source,
    best_rule,
    rates,
)
from mlloop.figures.metrics import METRICS, Counts, MetricName, estimate

POOLED: tuple[MetricName, ...] = (
    "sensitivity", "specificity", "precision", "accuracy", "f1", "f2", "iou",
)  # fmt: skip
_AREA = "area, chosen on the other folds"


@dataclass(frozen=True, slots=True)
class RowImage:
    """The result of one image in a row: its pixel counts, and its score for covid."""

    patient: str
    source: str
    fold: int
    is_covid: bool
    counts: Counts
    score: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a network, the ensemble or a kind of activation map.

    `threshold` says in words how its maps became masks, `score` which score its ROC curve uses.
    """

    name: str
    threshold: str
    score: str
    images: tuple[RowImage, ...]

    def as_json(self, *, n_boot: int = 1000) -> dict[str, object]:
        """Return every figure of the row with its interval."""
        counts = [image.counts for image in self.images]
        patients = [image.patient for image in self.images]
        pooled = [
            estimate(counts, patients, name=name, convention="pooled", n_boot=n_boot)
            for name in POOLED
        ]
        per_image = [
            estimate(counts, patients, name=name, convention="per_image", n_boot=n_boot)
            for name in METRICS
        ]
        return {
            "name": self.name,
            "threshold": self.threshold,
            "pooled": [figure.as_json() for figure in pooled],
            "per_image": [figure.as_json() for figure in per_image],
            "detection": self._detection(n_boot),
        }

    def _detection(self, n_boot: int) -> dict[str, object]:
        """Return whole-image figures: the paper's any-pixel rule, an area rule, ROC AUC.

        If no area rule can be chosen, `area` is empty and `no_area` says why.
        """
        scored = [_scored(image, image.score) for image in self.images]
        shares = [_scored(image, _share(image.counts)) for image in self.images]
        by_fold = _fit_area_rules(self.images)
        called = _call_by_area(self.images, by_fold)
        by_area = rates(called, Rule(_AREA, 0.5), n_boot=n_boot) if called else ()
        by_source = auc_by_source(scored, n_boot=n_boot)
        return {
            "score": self.score,
            "any_pixel": [rate.as_json() for rate in rates(shares, ANY_PIXEL, n_boot=n_boot)],
            "area": [rate.as_json() for rate in by_area],
            "no_area": "" if called else _no_area_reason(by_fold),
            "auc": auc(scored, n_boot=n_boot).as_json(),
            "auc_by_source": [source_auc.as_json() for source_auc in by_source],
        }


def _share(counts: Counts) -> float:
    return (counts.tp + counts.fp) / (counts.tp + counts.fp + counts.fn + counts.tn)


def _scored(image: RowImage, score: float) -> ScoredImage:
    return ScoredImage(image.patient, image.source, image.is_covid, score)


def _fit_area_rules(images: Sequence[RowImage]) -> dict[int, Rule | None]:
    """Return the area rule of each fold, fitted on the other folds; None if they have one class."""
    return {
        fold: best_rule(
            [_scored(image, _share(image.counts)) for image in images if image.fold != fold], _AREA
        )
        for fold in sorted({image.fold for image in images})
    }


def _call_by_area(
    images: Sequence[RowImage], by_fold: Mapping[int, Rule | None]
) -> list[ScoredImage]:
    """Score each image by the rule of its fold: 1 for covid, 0 for not. Empty if a rule is None."""
    called = []
    for image in images:
        rule = by_fold[image.fold]
        if rule is None:
            return []
        called.append(_scored(image, float(_share(image.counts) >= rule.least)))
    return called


def _no_area_reason(by_fold: Mapping[int, Rule | None]) -> str:
    if len(by_fold) < 2:
        return (
            "No figure by area: the area is chosen on the films of other folds, and all these films"
            " are in one fold. New films and masks from elsewhere have no folds."
        )
    lacking = [str(fold) for fold, rule in by_fold.items() if rule is None]
    return (
        "No figure by area: the area is chosen on the films of other folds, and the films outside"
        f" fold {' and '.join(lacking)} are all covid or all not covid."
    )
