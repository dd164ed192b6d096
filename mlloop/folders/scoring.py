"""Proposals and activation maps against masks: the rows of the paper's table.

How a map becomes counts is in `levels.py`; the figures come from `metrics.py` and `detection.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlloop.detection import (
    ANY_PIXEL,
    Rule,
    ScoredImage,
    auc,
    auc_by_source,
    best_rule,
    rates,
)
from mlloop.metrics import Counts, MetricName, estimate

POOLED: tuple[MetricName, ...] = (
    "sensitivity", "specificity", "precision", "accuracy", "f1", "f2", "iou",
)  # fmt: skip
PER_IMAGE: tuple[MetricName, ...] = ("dice", "iou")
_AREA = "area, chosen on the other folds"


@dataclass(frozen=True, slots=True)
class Judged:
    """One image as a row judged it: its pixels, and how likely the row calls it covid."""

    patient: str
    source: str
    fold: int
    is_covid: bool
    counts: Counts
    score: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a network, the ensemble or a kind of activation map.

    `threshold` says in words how its maps became masks, `score` what its ROC curve is drawn over.
    """

    name: str
    threshold: str
    score: str
    images: tuple[Judged, ...]

    def as_json(self, *, n_boot: int = 1000) -> dict[str, object]:
        """Return every figure of the row with its interval."""
        many = [one.counts for one in self.images]
        patients = [one.patient for one in self.images]
        pooled = [
            estimate(many, patients, name=name, convention="pooled", n_boot=n_boot)
            for name in POOLED
        ]
        per_image = [
            estimate(many, patients, name=name, convention="per_image", n_boot=n_boot)
            for name in PER_IMAGE
        ]
        return {
            "name": self.name,
            "threshold": self.threshold,
            "pooled": [one.as_json() for one in pooled],
            "per_image": [one.as_json() for one in per_image],
            "detection": self._detection(n_boot),
        }

    def _detection(self, n_boot: int) -> dict[str, object]:
        """Return whole-image figures: the paper's any-pixel rule, an area rule, ROC AUC."""
        scored = [_scored(one, one.score) for one in self.images]
        shares = [_scored(one, _share(one.counts)) for one in self.images]
        by_area = rates(_called_by_area(self.images), Rule(_AREA, 0.5), n_boot=n_boot)
        by_source = auc_by_source(scored, n_boot=n_boot)
        return {
            "score": self.score,
            "any_pixel": [one.as_json() for one in rates(shares, ANY_PIXEL, n_boot=n_boot)],
            "area": [one.as_json() for one in by_area],
            "auc": auc(scored, n_boot=n_boot).as_json(),
            "auc_by_source": [one.as_json() for one in by_source],
        }


def _share(one: Counts) -> float:
    return (one.tp + one.fp) / (one.tp + one.fp + one.fn + one.tn)


def _scored(one: Judged, score: float) -> ScoredImage:
    return ScoredImage(one.patient, one.source, one.is_covid, score)


def _called_by_area(images: Sequence[Judged]) -> list[ScoredImage]:
    """Call each image by the area rule fitted on the other folds: 1 for covid, 0 for not."""
    called = []
    for fold in sorted({one.fold for one in images}):
        others = [_scored(one, _share(one.counts)) for one in images if one.fold != fold]
        rule = best_rule(others, _AREA)
        own = [one for one in images if one.fold == fold]
        called += [_scored(one, float(_share(one.counts) >= rule.least)) for one in own]
    return called
