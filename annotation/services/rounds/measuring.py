"""Measure a round: its out-of-fold proposals against references, and its sealed counts together.

Every figure carries its convention, n and a 95 % interval by patient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from annotation.models import Round
from annotation.round_figures import MaskFigure, MaskFigures, SealedCase
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.rounds.records import round_plan
from annotation.selectors.rounds.training_cases import Snapshot
from annotation.services.rounds.unseen_maps import MapsByNetwork, UnseenMaps, unseen_maps
from mlloop.contract.calibration import CrossedFit
from mlloop.figures.metrics import Convention, Counts, count_pixels, estimate
from mlloop.pixels.arrays import BoolArray, ByteArray
from mlloop.pixels.raster import threshold_mask


@dataclass(frozen=True, slots=True)
class Measured:
    """One unseen map against its reference.

    `proposed` counts pixels at the threshold that readers get, `crossed` at the threshold that was
    chosen on the other folds. They are equal unless the plan fits its thresholds.
    """

    image: str
    patient: str
    crossed: Counts
    proposed: Counts


def measure_masks(counts: Sequence[Counts], patients: Sequence[str]) -> MaskFigures:
    """Return Dice per image and pooled, each with n, n_both_empty and its interval.

    `n_empty` counts the images whose reference is empty, including controls.
    """
    n_empty = sum(image.tp + image.fn == 0 for image in counts)

    def measure(convention: Convention) -> MaskFigure:
        return MaskFigure.from_estimate(
            estimate(counts, patients, convention=convention), n_empty=n_empty
        )

    return MaskFigures(per_image=measure("per_image"), pooled=measure("pooled"))


def measure_sealed(cases: Sequence[SealedCase]) -> MaskFigures:
    """Return Dice on the sealed images; n = 0 and no value if none was read."""
    return measure_masks([case.counts for case in cases], [case.patient for case in cases])


def measure_proposals(
    round: Round, snapshot: Snapshot, on_image: Callable[[], None]
) -> dict[str, list[Measured]]:
    """Return pixel counts against the references: each infection network's and the ensemble's."""
    networks = [network.key for network in round_plan(round).networks_of("infection")]
    calibration = round.figures.calibration
    fits = {fit.fold: fit for fit in calibration.crossed} if calibration else {}
    measured: dict[str, list[Measured]] = {}
    for maps in unseen_maps(round, snapshot.train, READING_LABEL, on_image):
        fit = fits.get(maps.case.fold % round.folds)
        _count(maps, _crossed_maps(maps.shown, networks, fit) if fit else maps.shown, measured)
    return measured


def measure_lungs(
    round: Round, snapshot: Snapshot, on_image: Callable[[], None]
) -> dict[str, MaskFigures]:
    """Return Dice against the lung references by lung network; empty if the round has none."""
    measured: dict[str, list[Measured]] = {}
    for maps in unseen_maps(round, snapshot.lung, "lung", on_image):
        _count(maps, maps.shown, measured)
    return summarise_by_network(measured)


def summarise_by_network(measured: Mapping[str, Sequence[Measured]]) -> dict[str, MaskFigures]:
    """Return Dice on the unseen proposals of each network and of the ensemble."""
    return {
        network: measure_masks([row.crossed for row in rows], [row.patient for row in rows])
        for network, rows in sorted(measured.items())
    }


def _crossed_maps(shown: MapsByNetwork, networks: Sequence[str], fit: CrossedFit) -> MapsByNetwork:
    """Return maps and thresholds from a fit that did not use the references of these images."""
    maps = [shown[network][0] for network in networks]
    names, all_maps = (*networks, "ensemble"), (*maps, fit.ensemble_map(maps))
    return {name: (map, t8) for name, map, t8 in zip(names, all_maps, fit.t8s, strict=True)}


def _count(
    maps: UnseenMaps, crossed_maps: MapsByNetwork, measured: dict[str, list[Measured]]
) -> None:
    """Add the counts of one image to `measured`, network by network."""
    for network, shown in maps.shown.items():
        proposed = crossed = _counts_of_map(*shown, maps.truth)
        if crossed_maps is not maps.shown:
            crossed = _counts_of_map(*crossed_maps[network], maps.truth)
        row = Measured(maps.case.image, maps.case.patient, crossed, proposed)
        measured.setdefault(network, []).append(row)


def _counts_of_map(p8: ByteArray, t8: int, truth: BoolArray) -> Counts:
    return count_pixels(threshold_mask(p8, shape=truth.shape, t8=t8), truth)
