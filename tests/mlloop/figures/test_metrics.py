"""Metrics against scikit-learn, and intervals against plain loops over patients."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    fbeta_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from mlloop.figures.metrics import (
    METRICS,
    Counts,
    bootstrap_ci,
    count_pixels,
    dice,
    estimate,
    estimate_all,
    iou,
    is_both_empty,
    metric,
    paired_bootstrap,
    pool_counts,
    summarise_per_image,
)

many_counts = st.lists(
    st.builds(Counts, *[st.sampled_from([0, 0, 1, 5, 40])] * 3, tn=st.integers(0, 9)), max_size=12
)
REFERENCES = {
    "dice": f1_score,
    "f1": f1_score,
    "iou": jaccard_score,
    "precision": precision_score,
    "sensitivity": recall_score,
    "f2": lambda truth, pred, zero_division: fbeta_score(
        truth, pred, beta=2, zero_division=zero_division
    ),
}
EVERY_REFERENCE = {
    name: lambda truth, pred, reference=reference: reference(truth, pred, zero_division=0.0)
    for name, reference in REFERENCES.items()
} | {
    "accuracy": accuracy_score,
    "specificity": lambda truth, pred: recall_score(~truth, ~pred, zero_division=0.0),
}


def masks_with_empties() -> list[tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(3)
    shares = (0.0, 0.02, 0.5, 1.0)
    return [
        (generator.random((9, 13)) < pred, generator.random((9, 13)) < truth)
        for pred in shares
        for truth in shares
    ]


@pytest.mark.parametrize("name", REFERENCES)
def test_metric_when_compared_with_scikit_learn_then_it_is_equal(name):
    for pred, truth in masks_with_empties():
        value = metric(name, count_pixels(pred, truth))
        if pred.any() or truth.any():
            reference = REFERENCES[name](truth.ravel(), pred.ravel(), zero_division=0.0)
            assert value == pytest.approx(reference, abs=1e-12)
        else:
            assert math.isnan(value)


@pytest.mark.parametrize("name", METRICS)
def test_estimate_when_pooled_or_per_image_then_it_is_scikit_learns_figure(name):
    reference = EVERY_REFERENCE[name]
    pairs = [(pred.ravel(), truth.ravel()) for pred, truth in masks_with_empties()]
    many = [count_pixels(pred, truth) for pred, truth in pairs]
    patients = [str(number) for number in range(len(many))]
    preds, truths = (np.concatenate(side) for side in zip(*pairs, strict=True))
    pooled_figure = estimate(many, patients, name=name, convention="pooled", n_boot=0)
    assert pooled_figure.value == pytest.approx(reference(truths, preds), abs=1e-12)
    assert (pooled_figure.n, pooled_figure.n_both_empty) == (16, 1)
    defined = [
        (pred, truth)
        for pred, truth in pairs
        if (name == "accuracy")
        or (name == "specificity" and not truth.all())
        or (name not in {"accuracy", "specificity"} and (pred.any() or truth.any()))
    ]
    per_image = estimate(many, patients, name=name, convention="per_image", n_boot=0)
    mean = np.mean([reference(truth, pred) for pred, truth in defined])
    assert (per_image.value, per_image.n) == (pytest.approx(mean, abs=1e-12), len(defined))


def test_every_estimate_when_asked_then_each_measure_comes_once_in_both_conventions():
    many, patients = random_study(12)
    estimates = estimate_all(many, patients, n_boot=10, seed=3)
    assert [(counts.name, counts.convention) for counts in estimates] == [
        (name, convention) for name in METRICS for convention in ("per_image", "pooled")
    ]
    assert estimates[0] == estimate(many, patients, n_boot=10, seed=3)


def test_accuracy_and_specificity_when_compared_with_scikit_learn_then_they_are_equal():
    for pred, truth in masks_with_empties():
        counts = count_pixels(pred, truth)
        accuracy = accuracy_score(truth.ravel(), pred.ravel())
        assert metric("accuracy", counts) == pytest.approx(accuracy)
        if truth.all():
            assert math.isnan(metric("specificity", counts))
        else:
            specificity = recall_score(~truth.ravel(), ~pred.ravel(), zero_division=0.0)
            assert metric("specificity", counts) == pytest.approx(specificity)


def test_counts_when_given_two_masks_then_every_pixel_is_in_one_cell():
    pred = np.array([[True, True, False, False]])
    truth = np.array([[True, False, True, False]])
    assert count_pixels(pred, truth) == Counts(1, 1, 1, 1)
    with pytest.raises(ValueError, match="The masks have different sizes"):
        count_pixels(pred, truth.T)


@pytest.mark.parametrize("name", [*REFERENCES])
def test_metric_when_both_masks_are_empty_then_nan_and_when_one_is_then_0(name):
    assert math.isnan(metric(name, Counts(0, 0, 0, 9)))
    assert metric(name, Counts(0, 3, 0, 9)) == 0.0
    assert metric(name, Counts(0, 0, 3, 9)) == 0.0


def test_dice_and_iou_when_the_masks_agree_then_they_are_1():
    assert dice(Counts(7, 0, 0, 0)) == iou(Counts(7, 0, 0, 0)) == 1.0


@given(many_counts)
def test_per_image_when_masks_are_empty_then_they_are_left_out_and_counted(many):
    values = [dice(counts) for counts in many]
    mean, n, n_both_empty = summarise_per_image(values)
    known = [value for value in values if not math.isnan(value)]
    assert (n, n_both_empty) == (len(known), sum(is_both_empty(counts) for counts in many))
    assert math.isnan(mean) if not known else mean == pytest.approx(sum(known) / len(known))


@given(many_counts)
def test_estimate_when_any_counts_then_both_conventions_are_the_plain_formulas(many):
    patients = [str(number // 2) for number in range(len(many))]
    per_image = estimate(many, patients, convention="per_image", n_boot=20)
    mean, n, n_both_empty = summarise_per_image([dice(counts) for counts in many])
    assert per_image.value == pytest.approx(mean, nan_ok=True)
    assert (per_image.n, per_image.n_both_empty) == (n, n_both_empty)
    together = estimate(many, patients, convention="pooled", n_boot=20)
    assert together.value == pytest.approx(dice(pool_counts(many)), nan_ok=True)
    assert (together.n, together.n_both_empty) == (len(many), n_both_empty)


def test_estimate_when_there_is_nothing_then_it_is_nan_and_json_holds_it():
    for convention in ("per_image", "pooled"):
        for many in ([], [Counts(0, 0, 0, 4)] * 2):
            nothing = estimate(many, ["a"] * len(many), convention=convention)
            assert all(map(math.isnan, (nothing.value, nothing.ci_low, nothing.ci_high)))
            assert nothing.n_both_empty == len(many)
            text = json.dumps(nothing.as_json(), allow_nan=False)
            assert json.loads(text)["value"] is None
    assert math.isnan(paired_bootstrap([], [], []).p)
    assert all(math.isnan(end) for end in bootstrap_ci([], []))


def test_estimate_when_one_patient_has_a_value_then_there_is_no_interval():
    alone = estimate([Counts(3, 1, 1, 0), Counts(1, 1, 1, 0)], ["a", "a"])
    assert alone.value == pytest.approx((0.75 + 0.5) / 2)
    empty = [Counts(3, 1, 1, 0), Counts(0, 0, 0, 9)]
    beside = [
        estimate(empty, ["a", "b"], convention=convention) for convention in ("per_image", "pooled")
    ]
    difference = paired_bootstrap([Counts(3, 1, 1, 0)] * 2, [Counts(2, 2, 2, 0)] * 2, ["a", "a"])
    for answer in (alone, *beside, difference):
        assert math.isnan(answer.ci_low)
        assert math.isnan(answer.ci_high)


def random_study(n: int = 60) -> tuple[list[Counts], list[str]]:
    generator = np.random.default_rng(5)
    rows = generator.integers(0, 50, (n, 4))
    rows[::7, :3] = 0
    return [Counts(*map(int, row)) for row in rows], [f"p{number // 3:03d}" for number in range(n)]


@pytest.mark.parametrize("convention", ["per_image", "pooled"])
def test_estimate_when_patients_are_resampled_by_a_loop_then_the_interval_is_the_same(convention):
    many, patients = random_study()
    keys = sorted(set(patients))
    of = {
        key: [counts for counts, patient in zip(many, patients, strict=True) if patient == key]
        for key in keys
    }
    generator = np.random.default_rng(11)
    figures = []
    for _ in range(50):
        drawn = [of[keys[number]] for number in generator.integers(0, len(keys), len(keys))]
        flat = [counts for ones in drawn for counts in ones]
        mean = summarise_per_image([dice(counts) for counts in flat])[0]
        figures.append(mean if convention == "per_image" else dice(pool_counts(flat)))
    result = estimate(many, patients, convention=convention, n_boot=50, seed=11)
    expected = np.percentile(figures, (2.5, 97.5))
    assert (result.ci_low, result.ci_high) == pytest.approx(tuple(expected))


def test_estimate_when_images_come_in_another_order_then_nothing_changes():
    many, patients = random_study()
    order = np.random.default_rng(0).permutation(len(many))
    shuffled = estimate([many[i] for i in order], [patients[i] for i in order], seed=2)
    straight = estimate(many, patients, seed=2)
    assert shuffled.as_json() == pytest.approx(straight.as_json())
    assert estimate(many, patients, seed=3).ci_low != straight.ci_low


def test_estimate_when_patients_have_many_images_then_the_interval_is_wider():
    generator = np.random.default_rng(9)
    many, patients = [], []
    for number in range(30):  # a patient's images are alike
        tp = int(generator.integers(10, 90))
        many += [Counts(tp, 100 - tp, 100 - tp, 0)] * 10
        patients += [str(number)] * 10
    by_patient = estimate(many, patients)
    by_image = estimate(many, [str(i) for i in range(len(many))])
    width = by_patient.ci_high - by_patient.ci_low
    assert width > 2 * (by_image.ci_high - by_image.ci_low)


def test_bootstrap_ci_when_given_dice_values_then_it_is_the_interval_of_the_estimate():
    many, patients = random_study()
    interval = bootstrap_ci([dice(counts) for counts in many], patients, n_boot=200, seed=4)
    whole = estimate(many, patients, n_boot=200, seed=4)
    assert interval == pytest.approx((whole.ci_low, whole.ci_high))


@pytest.mark.parametrize("convention", ["per_image", "pooled"])
def test_paired_bootstrap_when_one_arm_is_better_then_it_says_by_how_much(convention):
    many, patients = random_study()
    better = [
        Counts(counts.tp + 20, counts.fp, max(counts.fn - 20, 0), counts.tn) for counts in many
    ]
    result = paired_bootstrap(better, many, patients, convention=convention)
    difference = (
        estimate(better, patients, convention=convention).value
        - estimate(many, patients, convention=convention).value
    )
    assert result.difference == pytest.approx(difference)
    assert 0 < result.ci_low < result.difference < result.ci_high
    assert result.p < 0.01
    back = paired_bootstrap(many, better, patients, convention=convention)
    assert (back.difference, back.p) == pytest.approx((-result.difference, result.p))


def test_paired_bootstrap_when_the_arms_are_the_same_then_p_is_1():
    many, patients = random_study()
    same = paired_bootstrap(many, many, patients)
    assert (same.difference, same.ci_low, same.ci_high, same.p) == (0.0, 0.0, 0.0, 1.0)


def test_paired_bootstrap_when_the_difference_is_chance_then_p_is_not_small():
    generator = np.random.default_rng(1)
    rows = generator.integers(20, 60, (2, 200, 3))
    a, b = ([Counts(*map(int, row), tn=0) for row in arm] for arm in rows)
    assert paired_bootstrap(a, b, [str(i) for i in range(200)]).p > 0.05


def test_measures_when_lists_have_other_lengths_then_they_refuse():
    with pytest.raises(ValueError, match="There are 1 images but 2 patients for them"):
        estimate([Counts(1, 1, 1, 1)], ["a", "b"])
    with pytest.raises(ValueError, match="The arms have 1 and 0 images"):
        paired_bootstrap([Counts(1, 1, 1, 1)], [], ["a"])


def test_resampling_when_it_is_done_in_blocks_then_the_draws_are_the_same(monkeypatch):
    many, patients = random_study()
    whole = estimate(many, patients, seed=8)
    monkeypatch.setattr("mlloop.figures.bootstrap.BLOCK", 70)
    assert estimate(many, patients, seed=8) == whole
