"""Measure how well a round's classifiers detect covid, and how well their Grad-CAM maps find it.

Every figure is out of fold. Maps get the same pixel metrics as the networks, on the same images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from annotation.models import Image, Round
from annotation.round_figures import ClassifierFigures, ImageFigure, MaskFigure, SourceFigure
from annotation.selectors.rounds.training_cases import Snapshot, SnapshotCase, withdrawn_since
from annotation.services.rounds.measuring import measure_masks
from annotation.services.rounds.unseen_maps import unseen_maps
from mlloop.figures.detection import ScoredImage, auc, auc_by_source
from mlloop.figures.levels import best_t8_by_fold, count_levels, counts_at, describe_thresholds
from mlloop.figures.metrics import estimate_all
from mlloop.pixels.arrays import IntArray

Scores = Mapping[str, Mapping[str, float]]  # by network and image


def measure_scores(
    round: Round, snapshot: Snapshot, scores: Scores
) -> dict[str, ClassifierFigures]:
    """Return each classifier's AUC over the training images, over all and within each source.

    Images that were withdrawn since they were scored are left out.
    """
    if not scores:
        return {}
    withdrawn = withdrawn_since(round.project, snapshot.train)
    cases = {case.image: case for case in snapshot.train if case.image not in withdrawn}
    rows = Image.objects.filter(project=round.project).values_list("id", "source")
    sources = {str(pk): source or "no source named" for pk, source in rows if str(pk) in cases}
    return {
        network: _classifier_figures(cases, sources, network_scores)
        for network, network_scores in scores.items()
    }


def _classifier_figures(
    cases: Mapping[str, SnapshotCase], sources: Mapping[str, str], scores: Mapping[str, float]
) -> ClassifierFigures:
    scored = [
        ScoredImage(cases[image].patient, sources[image], cases[image].group == "covid", score)
        for image, score in sorted(scores.items())
        if image in cases
    ]
    return ClassifierFigures(
        auc=ImageFigure.from_estimate(auc(scored)),
        auc_by_source=tuple(SourceFigure.from_auc(source) for source in auc_by_source(scored)),
    )


def measure_maps(
    round: Round, snapshot: Snapshot, on_image: Callable[[], None]
) -> dict[str, ClassifierFigures]:
    """Return each classifier's figures, with the figures of its maps against the references added.

    A map has no threshold of its own. On each fold it gets the threshold with the best pooled Dice
    on all other folds.
    """
    figures = round.figures.activation
    if not figures:
        return {}
    counts = {network: _MapCounts() for network in figures}
    for maps in unseen_maps(round, snapshot.train, "activation", on_image):
        for network, map_counts in counts.items():
            map_counts.levels.append(count_levels(maps.shown[network][0], maps.truth))
            map_counts.folds.append(maps.case.fold % round.folds)
            map_counts.patients.append(maps.case.patient)
    return {network: counts[network].add_to(figures[network]) for network in figures}


@dataclass(slots=True)
class _MapCounts:
    """The counts of one classifier's maps at every threshold, image by image."""

    levels: list[IntArray] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)

    def add_to(self, figures: ClassifierFigures) -> ClassifierFigures:
        """Return the figures with the pixel metrics of the maps."""
        thresholds = best_t8_by_fold(self.levels, self.folds)
        counts = [
            counts_at(levels, thresholds[fold])
            for levels, fold in zip(self.levels, self.folds, strict=True)
        ]
        dice = measure_masks(counts, self.patients)
        estimates = estimate_all(counts, self.patients)
        return replace(
            figures,
            threshold=describe_thresholds(thresholds),
            per_image=dice.per_image,
            pooled=dice.pooled,
            pixels=tuple(MaskFigure.from_estimate(estimate) for estimate in estimates),
        )
