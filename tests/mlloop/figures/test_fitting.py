"""Fitted weights, temperature and thresholds, against plain loops over whole maps."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar

from mlloop.contract.calibration import Calibration, mean_p8, temperature_table
from mlloop.contract.errors import Stopped
from mlloop.contract.manifest import Case
from mlloop.contract.records import canonical_json, from_plain
from mlloop.figures.fitting import MIN_INFECTED, describe_fit, fit_calibration, unfitted_calibration
from mlloop.figures.metrics import count_pixels, dice
from mlloop.figures.reliability import apply_table, count_p8, fit_temperature, measure_reliability
from mlloop.figures.thresholds import TIE, ThresholdSums
from mlloop.figures.weights import PARTS, WeightSums, equal_parts
from tests.mlloop.conftest import small_plan

pixels = st.sampled_from([0, 1, 60, 127, 128, 200, 255])
maps = arrays(np.uint8, (4, 5), elements=pixels)
truths = arrays(np.bool_, (4, 5))
FITTED = {"thresholds": "out_of_fold", "ensemble_weights": "out_of_fold"}


def world(n: int = 14, seed: int = 3) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Infected squares, a network that sees them faintly and one that sees noise."""
    generator = np.random.default_rng(seed)
    found_truths, found_maps = [], []
    for _ in range(n):
        truth = np.zeros((32, 32), np.bool_)
        y, x = generator.integers(2, 20, 2)
        truth[y : y + 9, x : x + 9] = True
        faint = np.where(truth, 90, 20) + generator.integers(-15, 16, truth.shape)
        noise = generator.integers(0, 256, truth.shape)
        found_truths.append(truth)
        found_maps.append([faint.astype(np.uint8), noise.astype(np.uint8)])
    return found_truths, found_maps


def fitted(n: int = 14, stop=lambda: False, **changes: object) -> Calibration:
    truths_, maps_ = world(n)
    cases = tuple(
        Case(f"i{i}", f"p{i}", "covid", i % 7, "x.png", "m.png", 32, 32)
        for i in range(len(truths_))
    )
    return fit_calibration(
        small_plan(**(FITTED | changes)),
        cases,
        maps=lambda case: maps_[int(case.image[1:])],
        target=lambda case: truths_[int(case.image[1:])].astype(np.float32),
        stop=stop,
    )


@given(st.lists(st.tuples(maps, truths), max_size=6), st.integers(1, 255))
def test_threshold_when_fitted_then_it_is_the_nearest_that_is_as_good_as_the_best(answer, plan):
    sums = ThresholdSums()
    for p8, truth in answer:
        sums.add(count_p8(p8, truth))
    best = sums.fit("unet", plan)
    infected = [(p8, truth) for p8, truth in answer if truth.any()]
    if not infected:
        assert (best.t8, best.dice) == (plan, None)
        return

    def mean(t8: int) -> float:
        return float(np.mean([dice(count_pixels(p8 >= t8, truth)) for p8, truth in infected]))

    values = {t8: mean(t8) for t8 in range(1, 256)}
    limit = max(values.values()) - TIE
    assert values[best.t8] >= limit - 1e-9
    nearer = [t8 for t8 in values if abs(t8 - plan) < abs(best.t8 - plan)]
    assert all(values[t8] < limit + 1e-9 for t8 in nearer)
    assert (best.dice, best.plan_dice) == pytest.approx((values[best.t8], values[plan]), abs=1e-6)
    assert sums.fit("unet", plan, fitted=False).t8 == plan


@given(
    st.lists(st.tuples(maps, truths), min_size=1, max_size=4), st.sampled_from([0.25, 0.8, 1, 3])
)
def test_threshold_when_a_table_comes_before_it_then_it_is_that_of_the_changed_maps(answer, heat):
    table = temperature_table(heat)
    before, after = ThresholdSums(), ThresholdSums()
    for p8, truth in answer:
        before.add(count_p8(p8, truth))
        after.add(count_p8(np.array(table, np.uint8)[p8], truth))
    assert before.fit("ensemble", 128, table=table) == after.fit("ensemble", 128)
    np.testing.assert_array_equal(apply_table(before.pixels, table), after.pixels)


@given(st.lists(st.tuples(maps, maps, maps, truths), min_size=1, max_size=4))
def test_weights_when_fitted_then_they_are_shares_and_no_random_ones_are_better(answer):
    sums = WeightSums.zeros(3)
    for *case_maps, truth in answer:
        sums.add(case_maps, truth)
    parts = sums.fit()
    assert sum(parts) == PARTS
    assert min(parts) >= 0

    def error(weights: np.ndarray) -> float:
        return float(
            sum(
                ((np.tensordot(weights, np.stack(case_maps) / 255, 1) - truth) ** 2).sum()
                for *case_maps, truth in answer
            )
        )

    own_error = error(np.array(parts) / PARTS)
    for weights in np.random.default_rng(0).dirichlet(np.ones(3), 40):
        assert own_error <= error(weights) + 1e-4


@given(st.lists(maps, min_size=1, max_size=8))
def test_equal_parts_when_used_then_the_mean_is_the_plain_mean(case_maps):
    np.testing.assert_array_equal(
        mean_p8(case_maps, equal_parts(len(case_maps))), mean_p8(case_maps)
    )


def test_temperature_when_compared_with_scipy_then_it_is_the_likeliest_and_the_ece_falls():
    generator = np.random.default_rng(8)
    logits = generator.normal(0, 1.5, 40_000)
    truth = generator.random(logits.size) < 1 / (1 + np.exp(-logits))
    p8 = np.floor(255 / (1 + np.exp(-2.5 * logits)) + 0.5).astype(np.uint8)  # too sure of itself
    pixels_ = count_p8(p8, truth)
    answer = fit_temperature(pixels_)
    inner = (p8 > 0) & (p8 < 255)
    z, y = np.log(p8[inner] / (255.0 - p8[inner])), truth[inner]
    reference = minimize_scalar(
        lambda log_t: np.logaddexp(0, np.where(y, -z, z) / math.exp(log_t)).sum(),
        bounds=(-1.38, 1.38),
        method="bounded",
    )
    assert abs(math.log(answer) - reference.x) <= math.log(2) / 64 + 1e-3
    before = measure_reliability(pixels_)
    after = measure_reliability(apply_table(pixels_, temperature_table(answer)))
    assert after.ece < before.ece / 3


@pytest.mark.parametrize("heat", [0.25, 0.5, 1.0, 1.7, 4.0])
def test_temperature_table_when_made_then_it_never_falls_and_keeps_both_ends(heat):
    table = temperature_table(heat)
    assert len(table) == 256
    assert (table[0], table[255]) == (0, 255)
    assert list(table) == sorted(table)


@given(st.lists(st.tuples(maps, truths), max_size=4))
def test_reliability_when_compared_with_a_loop_over_pixels_then_it_is_the_same(pairs):
    pixels_ = sum((count_p8(p8, truth) for p8, truth in pairs), np.zeros((2, 256), np.int64))
    result = measure_reliability(pixels_)
    flat = [
        (int(value), bool(is_infected))
        for p8, truth in pairs
        for value, is_infected in zip(p8.ravel(), truth.ravel(), strict=True)
    ]
    assert result.n_pixels == len(flat)
    if not flat:
        assert (result.ece, result.bins) == (None, ())
        return
    gap = 0.0
    for i in range(15):
        inside = [(v, is_infected) for v, is_infected in flat if min(v * 15 // 255, 14) == i]
        if inside:
            gap += abs(sum(v / 255 - is_infected for v, is_infected in inside)) / len(flat)
    assert result.ece == pytest.approx(gap, abs=1e-6)
    assert sum(fit.n for fit in result.bins) == len(flat)


def test_calibration_when_networks_are_faint_then_the_threshold_falls_and_noise_loses_weight():
    answer = fitted(temperature="out_of_fold")
    faint = answer.thresholds[0]
    assert 30 < faint.t8 < 80
    assert faint.dice > 0.9
    assert faint.plan_dice < 0.1
    assert answer.parts[0] > 4 * answer.parts[1]
    assert (answer.n_images, answer.n_infected, answer.notes) == (14, 14, ())
    assert answer.after.ece < answer.before.ece
    assert [fit.network for fit in answer.thresholds] == ["unet", "unetplusplus", "ensemble"]
    assert answer.t8_of("ensemble") == answer.thresholds[-1].t8


def test_calibration_when_there_are_too_few_cases_then_the_plan_holds_and_it_says_so():
    answer = fitted(MIN_INFECTED - 1, temperature="out_of_fold")
    assert {fit.t8 for fit in answer.thresholds} == {128}
    assert (answer.parts, answer.temperature) == ((420, 420), 1.0)
    assert answer.thresholds[0].dice is not None
    (note,) = answer.notes
    assert "9 infected images" in note
    assert "10 are needed" in note


def test_calibration_when_the_plan_fits_nothing_then_it_is_the_plain_mean_at_its_threshold():
    asked = {"thresholds": "plan", "ensemble_weights": "equal"}
    measured, plain = fitted(**asked), unfitted_calibration(small_plan(**asked))
    for answer in (measured, plain):
        assert (answer.parts, answer.temperature, answer.notes) == ((420, 420), 1.0, ())
        assert answer.table == tuple(range(256))
        assert {fit.t8 for fit in answer.thresholds} == {128}
    assert measured.before.ece is not None
    assert plain.before.ece is None


def test_calibration_when_written_and_read_back_then_it_is_the_same():
    answer = fitted(temperature="out_of_fold")
    assert from_plain(Calibration, json.loads(canonical_json(answer))) == answer
    assert fitted(temperature="out_of_fold") == answer


def test_calibration_when_the_likeliest_temperature_spoils_the_ece_then_it_stays_1():
    truth, p8 = np.zeros(10_000, np.bool_), np.full(10_000, 2, np.uint8)
    p8[:200] = 244  # too sure, while the many dark pixels are nearly right
    truth[:146] = truth[200:310] = True
    truth, p8 = truth.reshape(100, 100), p8.reshape(100, 100)
    answer = fit_calibration(
        small_plan(temperature="out_of_fold"),
        tuple(Case(f"i{i}", f"p{i}", "covid", i % 6, "x", "m", 100, 100) for i in range(12)),
        maps=lambda _: [p8, p8],
        target=lambda _: truth.astype(np.float32),
        stop=lambda: False,
    )
    assert fit_temperature(count_p8(p8, truth)) > 1.1
    assert (answer.temperature, answer.after) == (1.0, answer.before)
    assert answer.notes[0].startswith("The temperature stays 1")


FITS = FITTED | {"temperature": "out_of_fold"}


def fit_of(truths_: list[np.ndarray], maps_: list[list[np.ndarray]]) -> Calibration:
    """Fit films that lie in four folds in turn."""
    return fit_calibration(
        small_plan(**FITS),
        tuple(
            Case(f"i{i}", f"p{i}", "covid", i % 4, "x", "m", 32, 32) for i in range(len(truths_))
        ),
        maps=lambda case: maps_[int(case.image[1:])],
        target=lambda case: truths_[int(case.image[1:])].astype(np.float32),
        stop=lambda: False,
    )


def test_crossed_fit_when_a_folds_own_films_change_then_only_the_others_fits_do():
    truths_, maps_ = world(24)
    before = fit_of(truths_, maps_)
    for i in range(2, 24, 4):  # the films of fold 2: now the second network sees, and brightly
        maps_[i] = [maps_[i][1], np.where(truths_[i], 230, 190).astype(np.uint8)]
    after = fit_of(truths_, maps_)
    assert [fit.fold for fit in before.crossed] == [0, 1, 2, 3]
    assert after.crossed[2] == before.crossed[2]
    assert after.thresholds != before.thresholds
    assert all(after.crossed[fold] != before.crossed[fold] for fold in (0, 1, 3))


def test_crossed_fit_when_a_fold_is_left_out_then_it_is_what_the_other_folds_serve():
    truths_, maps_ = world(24)
    answer = fit_of(truths_, maps_)
    kept = [i for i in range(24) if i % 4 != 3]
    alone = fit_of([truths_[i] for i in kept], [maps_[i] for i in kept])
    crossed = answer.crossed[3]
    assert (crossed.parts, crossed.temperature) == (alone.parts, alone.temperature)
    assert crossed.t8s == tuple(fit.t8 for fit in alone.thresholds)
    assert (crossed.ensemble_map(maps_[3]) == alone.ensemble_map(maps_[3])).all()


def test_reliability_when_fitted_then_each_film_is_measured_by_the_fit_of_the_other_folds():
    truths_, maps_ = world(24)
    answer = fit_of(truths_, maps_)
    total = sum(
        count_p8(answer.crossed[i % 4].ensemble_map(case_maps), truth)
        for i, (case_maps, truth) in enumerate(zip(maps_, truths_, strict=True))
    )
    assert answer.after == measure_reliability(total)
    assert answer.after.ece < answer.before.ece


def test_crossed_fit_when_others_are_too_few_then_the_plan_scores_the_fold_and_it_says_so():
    truths_, maps_ = world(11)
    answer = fit_of(truths_, maps_)
    assert [fit.t8s for fit in answer.crossed] == [(128, 128, 128)] * 4
    assert answer.t8_of("ensemble") != 128
    assert "films of fold 0, 1, 2, 3 use the plan's own values" in answer.notes[0]


@pytest.mark.parametrize(
    ("n", "plan", "words"),
    [
        (24, FITS, "chosen for each fold on the films of the other folds: thresholds,"),
        (MIN_INFECTED - 1, FITS, "nothing was fitted"),
        (24, {"thresholds": "plan", "ensemble_weights": "equal"}, "nothing was fitted"),
    ],
)
def test_choice_when_told_then_it_names_the_films(n, plan, words):
    assert words in describe_fit(small_plan(**plan), fitted(n, **plan))


def test_choice_when_a_round_of_before_has_no_crossed_fit_then_it_says_the_same_films():
    old = replace(fitted(24, **FITS), crossed=())
    assert "on these same films" in describe_fit(small_plan(**FITS), old)


@pytest.mark.parametrize("after", [0, 20, 40])
def test_calibration_when_told_to_stop_then_it_stops_between_two_images(after):
    calls = iter(range(1000))
    with pytest.raises(Stopped):
        fitted(stop=lambda: next(calls) >= after)
