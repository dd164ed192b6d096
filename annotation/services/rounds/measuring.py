"""Measure a round: out-of-fold proposals against references, and the sealed counts as aggregates.

Every figure carries its convention, n and a 95 % interval by patient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from annotation import storage
from annotation.models import Proposal, Round
from annotation.round_figures import MaskFigure, MaskFigures, SealedCase
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.rounds.manifests import calibration_in, plan_of
from annotation.selectors.rounds.training_cases import Snapshot, SnapshotCase, withdrawn_since
from mlloop.contract.calibration import CrossedFit
from mlloop.figures.metrics import Convention, Counts, count_pixels, estimate
from mlloop.pixels.arrays import BoolArray, ByteArray
from mlloop.pixels.masks import decode_mask, decode_probability
from mlloop.pixels.raster import threshold_mask


def mask_figures(many: Sequence[Counts], patients: Sequence[str]) -> MaskFigures:
    """Return Dice per image and pooled, each with n, n_both_empty and its interval.

    `n_empty` are the images whose reference is empty, controls among them.
    """
    n_empty = sum(one.tp + one.fn == 0 for one in many)

    def measured(convention: Convention) -> MaskFigure:
        return MaskFigure.from_estimate(
            estimate(many, patients, convention=convention), n_empty=n_empty
        )

    return MaskFigures(per_image=measured("per_image"), pooled=measured("pooled"))


def sealed_figures(cases: Sequence[SealedCase]) -> MaskFigures:
    """Aggregate the sealed counts; n = 0 and None where nothing was read."""
    return mask_figures([case.counts for case in cases], [case.patient for case in cases])


@dataclass(frozen=True, slots=True)
class Measured:
    """One unseen map against its reference.

    `found` is by the values chosen on the other folds, `proposed` by those that readers are served.
    They differ where the values were fitted.
    """

    image: str
    patient: str
    found: Counts
    proposed: Counts


def measured_proposals(
    round: Round, snapshot: Snapshot, on_image: Callable[[], None]
) -> dict[str, list[Measured]]:
    """Count each infection network's and its ensemble's unseen maps on the references."""
    networks = [network.key for network in plan_of(round).networks_of("infection")]
    calibration = calibration_in(round)
    fits = {fit.fold: fit for fit in calibration.crossed} if calibration else {}
    found: dict[str, list[Measured]] = {}
    for one in unseen_maps(round, snapshot.train, READING_LABEL, on_image):
        fit = fits.get(one.case.fold % round.folds)
        crossed = _crossed(one.shown, networks, fit) if fit else one.shown
        _count(one, crossed, found)
    return found


def lung_figures(
    round: Round, snapshot: Snapshot, on_image: Callable[[], None]
) -> dict[str, MaskFigures]:
    """Measure the lung networks alike; nothing where the round has none."""
    found: dict[str, list[Measured]] = {}
    for one in unseen_maps(round, snapshot.lung, "lung", on_image):
        _count(one, one.shown, found)
    return proposal_figures(found)


Shown = dict[str, tuple[ByteArray, int]]  # by network, and 'ensemble': a map and its t8


@dataclass(frozen=True, slots=True)
class UnseenMaps:
    """An image's maps of networks that did not see the patient, with the reference `(H, W)`.

    `shown` has them as they are proposed.
    """

    case: SnapshotCase
    shown: Shown
    truth: BoolArray


def unseen_maps(
    round: Round, train: tuple[SnapshotCase, ...], label: str, on_image: Callable[[], None]
) -> Iterator[UnseenMaps]:
    """Yield a label's unseen maps on each image of `train` that has a reference mask."""
    for case, proposals in _referenced(round, train, label):
        on_image()
        truth = decode_mask(storage.read(case.mask_key or ""), shape=(case.height, case.width))
        shown = {
            one.network: (decode_probability(storage.read(one.probability_key)), one.threshold)
            for one in proposals
        }
        yield UnseenMaps(case, shown, truth)


def _crossed(shown: Shown, networks: Sequence[str], fit: CrossedFit) -> Shown:
    """Return the maps as they would be proposed by a fit that did not see their references."""
    maps = [shown[network][0] for network in networks]
    return dict(
        zip(
            (*networks, "ensemble"),
            zip((*maps, fit.ensemble_map(maps)), fit.t8s, strict=True),
            strict=True,
        )
    )


def _count(one: UnseenMaps, crossed: Shown, found: dict[str, list[Measured]]) -> None:
    for network, served in one.shown.items():
        proposed = _counts(*served, one.truth)
        own = proposed if crossed is one.shown else _counts(*crossed[network], one.truth)
        measured = Measured(one.case.image, one.case.patient, own, proposed)
        found.setdefault(network, []).append(measured)


def _counts(p8: ByteArray, t8: int, truth: BoolArray) -> Counts:
    return count_pixels(threshold_mask(p8, shape=truth.shape, t8=t8), truth)


def proposal_figures(measured: Mapping[str, Sequence[Measured]]) -> dict[str, MaskFigures]:
    """Aggregate the unseen proposals of each network and of the ensemble."""
    return {
        network: mask_figures([one.found for one in rows], [one.patient for one in rows])
        for network, rows in sorted(measured.items())
    }


def _referenced(
    round: Round, train: tuple[SnapshotCase, ...], label: str
) -> Iterable[tuple[SnapshotCase, Iterable[Proposal]]]:
    """Pair the snapshot's references that have a mask with the proposals on their images.

    What was withdrawn since is left out: it may not count, and its bytes may be gone.
    """
    gone = withdrawn_since(round.project, train)
    cases = {
        case.image: case
        for case in train
        if case.reference and case.mask_key and case.image not in gone
    }
    # Patients trained on have only proposals that leave them out: `mean` is for the others.
    rows = Proposal.objects.filter(round=round, label__key=label).exclude(kind=Proposal.Kind.MEAN)
    ordered = rows.order_by("image_id", "network").iterator(chunk_size=500)
    for image_id, proposals in groupby(ordered, key=attrgetter("image_id")):
        if case := cases.get(str(image_id)):
            yield case, proposals
