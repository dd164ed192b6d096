"""How well a round's classifiers tell covid, and how well their Grad-CAM maps find it.

All of it out of fold. The maps are scored by the pixel metrics of the networks, on the same images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from annotation.models import Image, Round
from annotation.selectors.rounds.training_cases import Snapshot, withdrawn_since
from annotation.services.rounds.measuring import figures, unseen_maps
from mlloop.figures.detection import ScoredImage, auc, auc_by_source
from mlloop.figures.levels import counts_at, crossed_t8, level_counts, told
from mlloop.figures.metrics import IntArray, every_estimate

Plain = dict[str, object]
Scores = Mapping[str, Mapping[str, float]]  # by network and image


def detection(round: Round, snapshot: Snapshot, scores: Scores) -> dict[str, Plain]:
    """Return each classifier's AUC over the training images, over all and within each source.

    What was withdrawn since it was scored is left out.
    """
    if not scores:
        return {}
    gone = withdrawn_since(round.project, snapshot.train)
    cases = {case.image: case for case in snapshot.train if case.image not in gone}
    rows = Image.objects.filter(project=round.project).values_list("id", "source")
    sources = {str(pk): source or "no source named" for pk, source in rows if str(pk) in cases}
    found: dict[str, Plain] = {}
    for network, own in scores.items():
        scored = [
            ScoredImage(cases[image].patient, sources[image], cases[image].group == "covid", score)
            for image, score in sorted(own.items())
            if image in cases
        ]
        found[network] = {
            "auc": auc(scored).as_json(),
            "auc_by_source": [one.as_json() for one in auc_by_source(scored)],
        }
    return found


def with_pixels(round: Round, snapshot: Snapshot, on_image: Callable[[], None]) -> dict[str, Plain]:
    """Return each classifier's figures with those of its maps against the references.

    A map has no threshold of its own: on each fold it gets the one of the best pooled Dice on all
    other folds.
    """
    known: dict[str, Plain] = round.metrics.get("activation", {})
    if not known:
        return {}
    looks: dict[str, _Looks] = {network: _Looks() for network in known}
    for one in unseen_maps(round, snapshot.train, "activation", on_image):
        for network, own in looks.items():
            own.levels.append(level_counts(one.shown[network][0], one.truth))
            own.folds.append(one.case.fold % round.folds)
            own.patients.append(one.case.patient)
    return {network: {**known[network], **own.measured()} for network, own in looks.items()}


@dataclass(slots=True)
class _Looks:
    """One classifier's maps: their counts at every threshold."""

    levels: list[IntArray] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)

    def measured(self) -> Plain:
        thresholds = crossed_t8(self.levels, self.folds)
        many = [
            counts_at(levels, thresholds[fold])
            for levels, fold in zip(self.levels, self.folds, strict=True)
        ]
        return {
            "threshold": told(thresholds),
            **figures(many, self.patients),
            "pixels": [one.as_json() for one in every_estimate(many, self.patients)],
        }
