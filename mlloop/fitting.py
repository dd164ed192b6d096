"""Fit a round's calibration by streaming its out-of-fold maps, one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mlloop.calibration import (
    MIN_INFECTED,
    Calibration,
    IntArray,
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
from mlloop.errors import Stop, Stopped
from mlloop.manifest import Case
from mlloop.masks import BoolArray, ByteArray
from mlloop.plan import Plan

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
    """Fit what the plan asks of its infection networks.

    `cases` have a reference and out-of-fold maps. Raises Stopped between two images; nothing is
    written here.
    """
    networks = plan.networks_of("infection")
    n_infected = _infected(cases, target, stop)
    is_enough = n_infected >= MIN_INFECTED
    parts = equal_parts(len(networks))
    if is_enough and plan.ensemble_weights == "out_of_fold":
        parts = list(_fitted_parts(plan, cases, maps, target, stop))
    sums = {network.key: ThresholdSums() for network in networks}
    ensemble = ThresholdSums()
    for case in cases:
        _stop_if(stop)
        truth, own = truth_of(case, target), maps(case)
        for one, p8 in zip(sums.values(), own, strict=True):
            one.add(histogram(p8, truth))
        ensemble.add(histogram(mean_p8(own, parts), truth))
    temperature, cold_note = 1.0, tuple[str, ...]()
    if is_enough and plan.temperature == "out_of_fold":
        temperature, cold_note = _tempered(ensemble.pixels)
    table = temperature_table(temperature)
    fitted = is_enough and plan.thresholds == "out_of_fold"
    return Calibration(
        plan_sha256=plan.sha256,
        n_images=len(cases),
        n_infected=n_infected,
        parts=tuple(parts),
        temperature=temperature,
        table=table,
        before=reliability(ensemble.pixels),
        after=reliability(through_table(ensemble.pixels, table)),
        thresholds=(
            *(one.fit(key, plan.threshold, fitted=fitted) for key, one in sums.items()),
            ensemble.fit("ensemble", plan.threshold, table=table, fitted=fitted),
        ),
        notes=(*_notes(plan, n_infected), *cold_note),
    )


def plain_calibration(plan: Plan) -> Calibration:
    """Return what holds where nothing was fitted: equal weights and the plan's threshold."""
    return fit_calibration(
        plan, (), maps=lambda _: [], target=lambda _: np.zeros((1, 1), np.float32), stop=bool
    )


def _infected(cases: Sequence[Case], target: TargetOf, stop: Stop) -> int:
    """Count the cases that are infected at the grid, which is what can be fitted on."""
    count = 0
    for case in cases:
        _stop_if(stop)
        count += case.mask_path is not None and bool(truth_of(case, target).any())
    return count


def _fitted_parts(
    plan: Plan, cases: Sequence[Case], maps: MapsOf, target: TargetOf, stop: Stop
) -> tuple[int, ...]:
    sums = WeightSums.of(len(plan.networks_of("infection")))
    for case in cases:
        _stop_if(stop)
        sums.add(maps(case), truth_of(case, target))
    return sums.fit()


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
    asked = [
        name
        for name, wanted in (
            ("thresholds", plan.thresholds),
            ("the ensemble's weights", plan.ensemble_weights),
            ("the temperature", plan.temperature),
        )
        if wanted == "out_of_fold"
    ]
    if not asked or n_infected >= MIN_INFECTED:
        return ()
    return (
        f"The plan's own values stay for {', '.join(asked)}: {n_infected} infected images have an"
        f" out-of-fold map and a reference, and {MIN_INFECTED} are needed to fit them.",
    )
