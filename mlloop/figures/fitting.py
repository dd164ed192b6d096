"""Fit a round's calibration on its out-of-fold maps, one image at a time.

Memory holds sums and histograms, never all maps. The values that are served are fitted on all
folds. The figures of a film use values that were fitted on the other folds. If there are too few
infected images, the plan's values are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from mlloop.contract.calibration import (
    Calibration,
    CrossedFit,
    FittedThreshold,
    mean_p8,
    temperature_table,
)
from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.manifest import Case
from mlloop.contract.plan import Plan
from mlloop.figures.reliability import apply_table, count_p8, fit_temperature, measure_reliability
from mlloop.figures.thresholds import ThresholdSums
from mlloop.figures.weights import WeightSums, equal_parts
from mlloop.pixels.arrays import BoolArray, ByteArray, IntArray

MapsOf = Callable[[Case], list[ByteArray]]
TargetOf = Callable[[Case], npt.NDArray[np.float32]]
MIN_INFECTED = 10
COVERED = 0.5  # a cell of the grid counts as infected if at least this share is covered


def reference_at_grid(case: Case, target: TargetOf) -> BoolArray:
    """Return the reference of a case at the grid `(grid, grid) bool`."""
    truth: BoolArray = target(case) >= COVERED
    return truth


def fit_calibration(
    plan: Plan, cases: Sequence[Case], *, maps: MapsOf, target: TargetOf, stop: Stop
) -> Calibration:
    """Return the values that the plan asks for, fitted on all folds and again without each fold.

    `cases` have a reference and out-of-fold maps of the infection networks. Raises Stopped between
    two images. Writes nothing.
    """
    infected = _select_infected(cases, target, stop)
    is_fitted = bool(values_to_fit(plan)) and len(infected) >= MIN_INFECTED
    folds = sorted({case.fold for case in cases}) if is_fitted else []
    pools = [_Pool(left_out, infected) for left_out in (None, *folds)]
    films = _Films(cases, maps, target, stop)
    _fit_parts(plan, pools, films)
    _sum_histograms(plan, pools, films)
    served, *crossed = (_fit(plan, pool) for pool in pools)
    scoring = pools[1:] or pools[:1]  # if nothing is fitted, there is only the pool of all folds
    return Calibration(
        plan_sha256=plan.sha256,
        n_images=len(cases),
        n_infected=len(infected),
        parts=served.parts,
        temperature=served.temperature,
        table=temperature_table(served.temperature),
        before=measure_reliability(_add_histograms(pool.scored for pool in scoring)),
        after=measure_reliability(
            _add_histograms(
                apply_table(pool.scored, temperature_table(fit.temperature))
                for pool, fit in zip(scoring, crossed or [served], strict=True)
            )
        ),
        thresholds=served.thresholds,
        notes=(*_fit_notes(plan, len(infected)), *_fold_notes(pools[1:]), *served.notes),
        crossed=tuple(
            CrossedFit(
                fold, fit.parts, fit.temperature, tuple(fitted.t8 for fitted in fit.thresholds)
            )
            for fold, fit in zip(folds, crossed, strict=True)
        ),
    )


def unfitted_calibration(plan: Plan) -> Calibration:
    """Return the calibration without a fit: equal weights and the plan's threshold."""
    return fit_calibration(
        plan, (), maps=lambda _: [], target=lambda _: np.zeros((1, 1), np.float32), stop=bool
    )


def values_to_fit(plan: Plan) -> list[str]:
    """Name the values that a plan wants fitted out of fold."""
    choices = (
        ("thresholds", plan.thresholds),
        ("the ensemble's weights", plan.ensemble_weights),
        ("the temperature", plan.temperature),
    )
    return [name for name, choice in choices if choice == "out_of_fold"]


def describe_fit(plan: Plan, calibration: Calibration | None) -> str:
    """Say on which films the values behind the out-of-fold infection figures were fitted."""
    asked = values_to_fit(plan)
    if not asked or calibration is None or calibration.n_infected < MIN_INFECTED:
        return "Out-of-fold figures use the plan's own values: nothing was fitted."
    if calibration.crossed:
        films = "for each fold on the films of the other folds"
    else:
        films = "on these same films, which makes the figures a little too good"
    return f"Out-of-fold figures use values chosen {films}: {', '.join(asked)}."


@dataclass(frozen=True, slots=True)
class _Films:
    """The cases with their maps and references. Iterating raises Stopped between two cases."""

    cases: Sequence[Case]
    maps: MapsOf
    target: TargetOf
    stop: Stop

    def __iter__(self) -> Iterator[tuple[int, list[ByteArray], BoolArray]]:
        for case in self.cases:
            _stop_if(self.stop)
            yield case.fold, self.maps(case), reference_at_grid(case, self.target)


@dataclass(slots=True)
class _Pool:
    """The films that one fit may use, and their sums: all films, or all outside one fold.

    `scored` is the ensemble's histogram over the films whose figures use this fit. These are the
    films of the fold that was left out, or all films.
    """

    left_out: int | None
    infected: InitVar[Sequence[Case]]
    is_enough: bool = field(init=False)
    parts: tuple[int, ...] = ()
    networks: list[ThresholdSums] = field(default_factory=list)
    ensemble: ThresholdSums = field(default_factory=ThresholdSums)
    scored: IntArray = field(default_factory=lambda: np.zeros((2, 256), np.int64))

    def __post_init__(self, infected: Sequence[Case]) -> None:
        self.is_enough = sum(self.may_use(case.fold) for case in infected) >= MIN_INFECTED

    def may_use(self, fold: int) -> bool:
        """Say whether this fit may use the films of a fold."""
        return fold != self.left_out

    def add(self, fold: int, pixels: IntArray) -> None:
        """Add the ensemble's histogram of one film."""
        if self.may_use(fold):
            self.ensemble.add(pixels)
        if self.left_out in (None, fold):
            self.scored += pixels


@dataclass(frozen=True, slots=True)
class _Fit:
    """The values that were fitted on one pool."""

    parts: tuple[int, ...]
    temperature: float
    thresholds: tuple[FittedThreshold, ...]
    notes: tuple[str, ...]


def _select_infected(cases: Sequence[Case], target: TargetOf, stop: Stop) -> list[Case]:
    """Return the cases with infection at the grid. Their number decides if values are fitted."""
    infected = []
    for case in cases:
        _stop_if(stop)
        if case.mask_path is not None and reference_at_grid(case, target).any():
            infected.append(case)
    return infected


def _fit_parts(plan: Plan, pools: Sequence[_Pool], films: _Films) -> None:
    """Set the weights of the networks in each pool; equal weights if they are not fitted."""
    n = len(plan.networks_of("infection"))
    to_fit = [p for p in pools if p.is_enough and plan.ensemble_weights == "out_of_fold"]
    sums = {case.fold: WeightSums.zeros(n) for case in films.cases} if to_fit else {}
    for fold, maps, truth in films if to_fit else ():
        sums[fold].add(maps, truth)
    for pool in pools:
        pool.parts = tuple(equal_parts(n))
    for pool in to_fit:
        used = [fold_sums for fold, fold_sums in sums.items() if pool.may_use(fold)]
        pool.parts = WeightSums.add_up(used, n).fit()


def _sum_histograms(plan: Plan, pools: Sequence[_Pool], films: _Films) -> None:
    """Add up the histograms of each pool. Its temperature and thresholds are fitted on them."""
    n = len(plan.networks_of("infection"))
    sums = {case.fold: [ThresholdSums() for _ in range(n)] for case in films.cases}
    weights = {pool.parts for pool in pools}
    for fold, maps, truth in films:
        for network_sums, p8 in zip(sums[fold], maps, strict=True):
            network_sums.add(count_p8(p8, truth))
        ensembles = {parts: count_p8(mean_p8(maps, parts), truth) for parts in weights}
        for pool in pools:
            pool.add(fold, ensembles[pool.parts])
    for pool in pools:
        used = [fold_sums for fold, fold_sums in sums.items() if pool.may_use(fold)]
        pool.networks = [ThresholdSums.add_up([sums[i] for sums in used]) for i in range(n)]


def _fit(plan: Plan, pool: _Pool) -> _Fit:
    temperature, notes = 1.0, tuple[str, ...]()
    if pool.is_enough and plan.temperature == "out_of_fold":
        temperature, notes = _fit_useful_temperature(pool.ensemble.pixels)
    fitted = pool.is_enough and plan.thresholds == "out_of_fold"
    keys = [network.key for network in plan.networks_of("infection")]
    table = temperature_table(temperature)
    return _Fit(
        pool.parts,
        temperature,
        (
            *(
                sums.fit(key, plan.threshold, fitted=fitted)
                for key, sums in zip(keys, pool.networks, strict=True)
            ),
            pool.ensemble.fit("ensemble", plan.threshold, table=table, fitted=fitted),
        ),
        notes,
    )


def _add_histograms(histograms: Iterable[IntArray]) -> IntArray:
    total: IntArray = np.sum(list(histograms), axis=0)
    return total


def _fit_useful_temperature(pixels: IntArray) -> tuple[float, tuple[str, ...]]:
    """Return the temperature of the highest likelihood, or 1 and a note if it would raise the ECE.

    It can raise the ECE, because bright and dark pixels may need opposite temperatures.
    """
    fitted = fit_temperature(pixels)
    before = measure_reliability(pixels).ece or 0.0
    after = measure_reliability(apply_table(pixels, temperature_table(fitted))).ece or 0.0
    if after <= before:
        return fitted, ()
    return 1.0, (
        f"The temperature stays 1: the fitted one, {fitted:.2f}, would change the ECE from"
        f" {before:.4f} to {after:.4f}.",
    )


def _stop_if(stop: Stop) -> None:
    if stop():
        raise Stopped


def _fit_notes(plan: Plan, n_infected: int) -> tuple[str, ...]:
    asked = values_to_fit(plan)
    if not asked or n_infected >= MIN_INFECTED:
        return ()
    return (
        f"The plan's own values stay for {', '.join(asked)}: {n_infected} infected images have an"
        f" out-of-fold map and a reference, and {MIN_INFECTED} are needed to fit them.",
    )


def _fold_notes(pools: Sequence[_Pool]) -> tuple[str, ...]:
    few = [str(pool.left_out) for pool in pools if not pool.is_enough]
    if not few:
        return ()
    return (
        f"The figures of films of fold {', '.join(few)} use the plan's own values: the other folds"
        f" have fewer than {MIN_INFECTED} infected images.",
    )
