"""How well a round's classifiers tell covid, and how well their Grad-CAM maps find it.

All of it out of fold. The maps are scored by the pixel metrics of the networks, on the same images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from annotation.models import Image, Round
from annotation.round_figures import ClassifierFigures, ImageFigure, MaskFigure, SourceFigure
from annotation.selectors.rounds.training_cases import Snapshot, withdrawn_since
from annotation.services.rounds.measuring import mask_figures, unseen_maps
from mlloop.figures.detection import ScoredImage, auc, auc_by_source
from mlloop.figures.levels import best_t8_by_fold, count_levels, counts_at, describe_thresholds
from mlloop.figures.metrics import estimate_all
from mlloop.pixels.arrays import IntArray

Scores = Mapping[str, Mapping[str, float]]  # by network and image


def detection(round: Round, snapshot: Snapshot, scores: Scores) -> dict[str, ClassifierFigures]:
    """Return each classifier's AUC over the training images, over all and within each source.

    What was withdrawn since it was scored is left out.
    """
    if not scores:
        return {}
    gone = withdrawn_since(round.project, snapshot.train)
    cases = {case.image: case for case in snapshot.train if case.image not in gone}
    rows = Image.objects.filter(project=round.project).values_list("id", "source")
    sources = {str(pk): source or "no source named" for pk, source in rows if str(pk) in cases}
    found: dict[str, ClassifierFigures] = {}
    for network, own in scores.items():
        scored = [
            ScoredImage(cases[image].patient, sources[image], cases[image].group == "covid", score)
            for image, score in sorted(own.items())
            if image in cases
        ]
        found[network] = ClassifierFigures(
            auc=ImageFigure.from_estimate(auc(scored)),
            auc_by_source=tuple(SourceFigure.from_auc(source) for source in auc_by_source(scored)),
        )
    return found


def with_pixels(
    round: Round, snapshot: Snapshot, on_image: Callable[[], None]
) -> dict[str, ClassifierFigures]:
    """Return each classifier's figures with those of its maps against the references.

    A map has no threshold of its own: on each fold it gets the one of the best pooled Dice on all
    other folds.
    """
    known = round.figures.activation
    if not known:
        return {}
    looks: dict[str, _Looks] = {network: _Looks() for network in known}
    for one in unseen_maps(round, snapshot.train, "activation", on_image):
        for network, own in looks.items():
            own.levels.append(count_levels(one.shown[network][0], one.truth))
            own.folds.append(one.case.fold % round.folds)
            own.patients.append(one.case.patient)
    return {network: looks[network].added_to(known[network]) for network in known}


@dataclass(slots=True)
class _Looks:
    """One classifier's maps: their counts at every threshold."""

    levels: list[IntArray] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)

    def added_to(self, figures: ClassifierFigures) -> ClassifierFigures:
        thresholds = best_t8_by_fold(self.levels, self.folds)
        many = [
            counts_at(levels, thresholds[fold])
            for levels, fold in zip(self.levels, self.folds, strict=True)
        ]
        dice = mask_figures(many, self.patients)
        return replace(
            figures,
            threshold=describe_thresholds(thresholds),
            per_image=dice.per_image,
            pooled=dice.pooled,
            pixels=tuple(
                MaskFigure.from_estimate(estimate) for estimate in estimate_all(many, self.patients)
            ),
        )
