"""Fit a round's calibration by streaming its out-of-fold maps, one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from mlloop.contract.calibration import (
    MIN_INFECTED,
    Calibration,
    CrossedFit,
    FittedThreshold,
    ThresholdSums,
    WeightSums,
    equal_parts,
    fit_temperature,
    histogram,
    mean_p8,
    reliability,
    temperature_table,
    through_table,
)
from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.manifest import Case
from mlloop.contract.plan import Plan
from mlloop.pixels.arrays import BoolArray, ByteArray, IntArray

MapsOf = Callable[[Case], list[ByteArray]]
TargetOf = Callable[[Case], npt.NDArray[np.float32]]
COVERED = 0.5  # a cell of the grid counts as infected from this covered share on


def truth_of(case: Case, target: TargetOf) -> BoolArray:
    """Return a case's reference at the grid `(grid, grid) bool`."""
    truth: BoolArray = target(case) >= COVERED
    return truth


def fit_calibration(
    plan: Plan, cases: Sequence[Case], *, maps: MapsOf, target: TargetOf, stop: Stop
) -> Calibration:
    """Fit what the plan asks of its infection networks, on all folds and without each of them.

    `cases` have a reference and out-of-fold maps. Raises Stopped between two images; nothing is
    written here.
    """
    infected = _infected(cases, target, stop)
    is_fitted = bool(asked_of(plan)) and len(infected) >= MIN_INFECTED
    folds = sorted({case.fold for case in cases}) if is_fitted else []
    pools = [_Pool(left_out, infected) for left_out in (None, *folds)]
    films = _Films(cases, maps, target, stop)
    _fit_parts(plan, pools, films)
    _add_up(plan, pools, films)
    served, *crossed = (_fitted(plan, pool) for pool in pools)
    scored = pools[1:] or pools[:1]
    return Calibration(
        plan_sha256=plan.sha256,
        n_images=len(cases),
        n_infected=len(infected),
        parts=served.parts,
        temperature=served.temperature,
        table=temperature_table(served.temperature),
        before=reliability(_pixels(pool.scored for pool in scored)),
        after=reliability(
            _pixels(
                through_table(pool.scored, temperature_table(fit.temperature))
                for pool, fit in zip(scored, crossed or [served], strict=True)
            )
        ),
        thresholds=served.thresholds,
        notes=(*_notes(plan, len(infected)), *_fold_notes(pools[1:]), *served.notes),
        crossed=tuple(
            CrossedFit(fold, fit.parts, fit.temperature, tuple(one.t8 for one in fit.thresholds))
            for fold, fit in zip(folds, crossed, strict=True)
        ),
    )


def plain_calibration(plan: Plan) -> Calibration:
    """Return what holds where nothing was fitted: equal weights and the plan's threshold."""
    return fit_calibration(
        plan, (), maps=lambda _: [], target=lambda _: np.zeros((1, 1), np.float32), stop=bool
    )


def asked_of(plan: Plan) -> list[str]:
    """Name what a plan wants fitted out of fold."""
    named = (
        ("thresholds", plan.thresholds),
        ("the ensemble's weights", plan.ensemble_weights),
        ("the temperature", plan.temperature),
    )
    return [name for name, wanted in named if wanted == "out_of_fold"]


def choice_told(plan: Plan, calibration: Calibration | None) -> str:
    """Say on which films the values behind the infection figures out of fold were chosen."""
    asked = asked_of(plan)
    if not asked or calibration is None or calibration.n_infected < MIN_INFECTED:
        return "Out of fold, the plan's own values hold: nothing was fitted."
    if calibration.crossed:
        where = "for each fold on the films of the other folds"
    else:
        where = "on these same films, which makes the figures a little too good"
    return f"Out of fold, chosen {where}: {', '.join(asked)}."


@dataclass(frozen=True, slots=True)
class _Films:
    """The cases with their maps; going through them raises Stopped between two."""

    cases: Sequence[Case]
    maps: MapsOf
    target: TargetOf
    stop: Stop

    def __iter__(self) -> Iterator[tuple[int, list[ByteArray], BoolArray]]:
        for case in self.cases:
            _stop_if(self.stop)
            yield case.fold, self.maps(case), truth_of(case, self.target)


@dataclass(slots=True)
class _Pool:
    """The films that one fit may look at, all or those outside a fold, and their sums.

    `scored` are the ensemble's pixels of the films that the fit is for: those left out, or all.
    """

    left_out: int | None
    infected: InitVar[Sequence[Case]]
    is_enough: bool = field(init=False)
    parts: tuple[int, ...] = ()
    networks: list[ThresholdSums] = field(default_factory=list)
    ensemble: ThresholdSums = field(default_factory=ThresholdSums)
    scored: IntArray = field(default_factory=lambda: np.zeros((2, 256), np.int64))

    def __post_init__(self, infected: Sequence[Case]) -> None:
        self.is_enough = sum(self.has(case.fold) for case in infected) >= MIN_INFECTED

    def has(self, fold: int) -> bool:
        return fold != self.left_out

    def add(self, fold: int, pixels: IntArray) -> None:
        """Add the ensemble's histogram of one film."""
        if self.has(fold):
            self.ensemble.add(pixels)
        if self.left_out in (None, fold):
            self.scored += pixels


@dataclass(frozen=True, slots=True)
class _Fit:
    """What was fitted on one pool."""

    parts: tuple[int, ...]
    temperature: float
    thresholds: tuple[FittedThreshold, ...]
    notes: tuple[str, ...]


def _infected(cases: Sequence[Case], target: TargetOf, stop: Stop) -> list[Case]:
    """Return the cases that are infected at the grid, which is what can be fitted on."""
    found = []
    for case in cases:
        _stop_if(stop)
        if case.mask_path is not None and truth_of(case, target).any():
            found.append(case)
    return found


def _fit_parts(plan: Plan, pools: Sequence[_Pool], films: _Films) -> None:
    """Weigh the networks for each pool; equally where that is not to be fitted."""
    n = len(plan.networks_of("infection"))
    asked = [p for p in pools if p.is_enough and plan.ensemble_weights == "out_of_fold"]
    sums = {case.fold: WeightSums.of(n) for case in films.cases} if asked else {}
    for fold, own, truth in films if asked else ():
        sums[fold].add(own, truth)
    for pool in pools:
        pool.parts = tuple(equal_parts(n))
    for pool in asked:
        others = [one for fold, one in sums.items() if pool.has(fold)]
        pool.parts = WeightSums.total(others, n).fit()


def _add_up(plan: Plan, pools: Sequence[_Pool], films: _Films) -> None:
    """Add up for each pool what its temperature and its thresholds depend on."""
    n = len(plan.networks_of("infection"))
    sums = {case.fold: [ThresholdSums() for _ in range(n)] for case in films.cases}
    weighed = {pool.parts for pool in pools}
    for fold, own, truth in films:
        for one, p8 in zip(sums[fold], own, strict=True):
            one.add(histogram(p8, truth))
        ensembles = {parts: histogram(mean_p8(own, parts), truth) for parts in weighed}
        for pool in pools:
            pool.add(fold, ensembles[pool.parts])
    for pool in pools:
        others = [own for fold, own in sums.items() if pool.has(fold)]
        pool.networks = [ThresholdSums.total([own[i] for own in others]) for i in range(n)]


def _fitted(plan: Plan, pool: _Pool) -> _Fit:
    temperature, notes = 1.0, tuple[str, ...]()
    if pool.is_enough and plan.temperature == "out_of_fold":
        temperature, notes = _tempered(pool.ensemble.pixels)
    fitted = pool.is_enough and plan.thresholds == "out_of_fold"
    keys = [network.key for network in plan.networks_of("infection")]
    own = zip(keys, pool.networks, strict=True)
    table = temperature_table(temperature)
    return _Fit(
        pool.parts,
        temperature,
        (
            *(one.fit(key, plan.threshold, fitted=fitted) for key, one in own),
            pool.ensemble.fit("ensemble", plan.threshold, table=table, fitted=fitted),
        ),
        notes,
    )


def _pixels(many: Iterable[IntArray]) -> IntArray:
    total: IntArray = np.sum(list(many), axis=0)
    return total


def _tempered(pixels: IntArray) -> tuple[float, tuple[str, ...]]:
    """Return the likeliest temperature, or 1 and why: it must bring the ECE down as well.

    The likeliest one need not: one number for all pixels cannot cool the bright and warm the dark.
    """
    found = fit_temperature(pixels)
    before = reliability(pixels).ece or 0.0
    after = reliability(through_table(pixels, temperature_table(found))).ece or 0.0
    if after <= before:
        return found, ()
    return 1.0, (
        f"The temperature stays 1: the likeliest, {found:.2f}, would bring the ECE from"
        f" {before:.4f} to {after:.4f}.",
    )


def _stop_if(stop: Stop) -> None:
    if stop():
        raise Stopped


def _notes(plan: Plan, n_infected: int) -> tuple[str, ...]:
    asked = asked_of(plan)
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
        f"Films of fold {', '.join(few)} are scored by the plan's own values: fewer than"
        f" {MIN_INFECTED} infected images are of other folds.",
    )
