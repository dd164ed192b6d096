"""Detection against scikit-learn and scipy, and intervals against plain loops over patients."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from mlloop.figures.detection import (
    ANY_PIXEL,
    RATES,
    Rule,
    ScoredImage,
    auc,
    auc_by_source,
    best_rule,
    rates,
    roc_curve,
)

scored = st.builds(
    ScoredImage,
    patient=st.sampled_from("abcde"),
    source=st.sampled_from(["east", "west"]),
    positive=st.booleans(),
    score=st.sampled_from([0.0, 0.001, 0.25, 0.5, 1.0]),  # many ties
)
studies = st.lists(scored, max_size=25)


def has_both(images: list[ScoredImage]) -> bool:
    return len({image.positive for image in images}) == 2


def columns(images: list[ScoredImage]) -> tuple[list[bool], list[float]]:
    return [image.positive for image in images], [image.score for image in images]


def study(n: int = 90) -> list[ScoredImage]:
    generator = np.random.default_rng(4)
    positive = generator.random(n) < 0.4
    scores = np.round(generator.random(n) * 0.6 + positive * 0.3, 2)
    return [
        ScoredImage(f"p{number // 3:02d}", "one", bool(is_sick), float(score))
        for number, (is_sick, score) in enumerate(zip(positive, scores, strict=True))
    ]


@given(studies)
def test_auc_when_any_scores_then_it_is_scikit_learns_and_mann_whitneys(images):
    result = auc(images, n_boot=0)
    positive, scores = columns(images)
    assert (result.n, result.n_positive) == (len(images), sum(positive))
    if not has_both(images):
        assert math.isnan(result.value)
        return
    assert result.value == pytest.approx(sklearn.metrics.roc_auc_score(positive, scores), abs=1e-12)
    sick = [score for is_sick, score in zip(positive, scores, strict=True) if is_sick]
    well = [score for is_sick, score in zip(positive, scores, strict=True) if not is_sick]
    u = mannwhitneyu(sick, well, method="asymptotic").statistic
    assert result.value == pytest.approx(u / (len(sick) * len(well)), abs=1e-12)


@given(studies)
def test_roc_curve_when_any_scores_then_its_corners_are_scikit_learns(images):
    curve = roc_curve(images)
    if not has_both(images):
        assert (curve.fpr, curve.tpr, curve.thresholds) == ((), (), ())
        return
    reference = sklearn.metrics.roc_curve(*columns(images), drop_intermediate=False)
    points = list(zip(curve.fpr, curve.tpr, curve.thresholds, strict=True))
    assert set(points) <= set(zip(*(side.tolist() for side in reference), strict=True))
    assert points[0] == (0.0, 0.0, math.inf)
    assert (curve.fpr[-1], curve.tpr[-1]) == (1.0, 1.0)
    area = np.trapezoid(curve.tpr, curve.fpr)  # no corner is lost: the area is the same
    assert area == pytest.approx(auc(images, n_boot=0).value, abs=1e-12)


@given(studies, st.sampled_from([ANY_PIXEL, Rule("a quarter", 0.25), Rule("never", 2.0)]))
def test_rates_when_any_rule_then_they_are_scikit_learns(images, rule):
    result = {figure.name: figure for figure in rates(images, rule, n_boot=0)}
    positive, scores = (np.array(column) for column in columns(images))
    called = scores >= rule.least
    nan = {"zero_division": np.nan}
    expected = dict.fromkeys(RATES, math.nan)
    if images:
        expected = {
            "sensitivity": sklearn.metrics.recall_score(positive, called, **nan),
            "specificity": sklearn.metrics.recall_score(~positive, ~called, **nan),
            "precision": sklearn.metrics.precision_score(positive, called, **nan),
            "accuracy": sklearn.metrics.accuracy_score(positive, called),
            "f1": sklearn.metrics.f1_score(positive, called, **nan),
            "f2": sklearn.metrics.fbeta_score(positive, called, beta=2, **nan),
        }
    for name in RATES:
        assert result[name].value == pytest.approx(expected[name], nan_ok=True)
        assert (result[name].rule, result[name].convention) == (rule.name, "image_level")


def test_any_pixel_when_a_mask_has_one_pixel_then_the_image_is_positive():
    none, figure = 0.0, 1 / 9_000_000  # of a film of 3000 x 3000
    images = [ScoredImage("p", "s", True, figure), ScoredImage("q", "s", False, none)]
    result = {rate.name: rate.value for rate in rates(images, ANY_PIXEL)}
    assert result["sensitivity"] == result["specificity"] == 1.0


def test_intervals_when_patients_are_resampled_by_a_loop_then_they_are_the_same():
    images = study()
    keys = sorted({image.patient for image in images})
    generator = np.random.default_rng(11)
    areas, recalls = [], []
    for _ in range(60):
        drawn = [keys[number] for number in generator.integers(0, len(keys), len(keys))]
        flat = [image for key in drawn for image in images if image.patient == key]
        positive, scores = columns(flat)
        areas.append(sklearn.metrics.roc_auc_score(positive, scores))
        recalls.append(sklearn.metrics.recall_score(positive, np.array(scores) >= 0.5))
    result = auc(images, n_boot=60, seed=11)
    assert (result.ci_low, result.ci_high) == pytest.approx(
        tuple(np.percentile(areas, (2.5, 97.5)))
    )
    sensitivity = rates(images, Rule("half", 0.5), n_boot=60, seed=11)[0]
    expected = tuple(np.percentile(recalls, (2.5, 97.5)))
    assert (sensitivity.ci_low, sensitivity.ci_high) == pytest.approx(expected)


def test_resampling_when_it_is_done_in_blocks_then_the_interval_is_the_same(monkeypatch):
    images = study()
    whole = auc(images, n_boot=50, seed=3)
    monkeypatch.setattr("mlloop.figures.bootstrap.BLOCK", 200)
    assert auc(images, n_boot=50, seed=3) == whole


def test_auc_by_source_when_a_source_has_one_class_then_it_warns_in_a_sentence():
    sick = [ScoredImage(f"a{i}", "italy", True, 0.5 + i / 100) for i in range(20)]
    well = [ScoredImage(f"b{i}", "china", False, i / 100) for i in range(20)]
    mixed = [ScoredImage(f"c{i}", "here", i % 2 == 0, float(i % 3)) for i in range(20)]
    china, here, italy = auc_by_source(sick + well + mixed, n_boot=20)
    assert [figure.source for figure in (china, here, italy)] == ["china", "here", "italy"]
    assert math.isnan(china.auc.value)
    assert china.warning.startswith("All 20 images of china are without infection.")
    assert "can learn the source" in italy.warning
    assert here.warning == ""
    assert here.auc == auc(mixed, n_boot=20)


@given(studies)
def test_best_rule_when_both_classes_are_there_then_no_other_cut_off_gains_more(images):
    rule = best_rule(images, "area")
    if not has_both(images):
        assert rule is None
        return

    def gain(least: float) -> float:
        result = {figure.name: figure.value for figure in rates(images, Rule("", least), n_boot=0)}
        return result["sensitivity"] + result["specificity"]

    assert gain(rule.least) >= max(gain(image.score) for image in images) - 1e-12


def test_figures_when_there_is_nothing_then_they_are_nan_and_json_holds_them():
    for result in (auc([]), *rates([], ANY_PIXEL)):
        assert (result.n, result.n_positive) == (0, 0)
        assert all(map(math.isnan, (result.value, result.ci_low, result.ci_high)))
        assert json.loads(json.dumps(result.as_json(), allow_nan=False))["value"] is None
    assert auc_by_source([]) == ()
    assert roc_curve([]).as_json() == {"fpr": [], "tpr": [], "thresholds": []}
    images = study(9)
    text = json.dumps(
        [roc_curve(images).as_json(), *(figure.as_json() for figure in auc_by_source(images))],
        allow_nan=False,
    )
    assert json.loads(text)[0]["thresholds"][0] is None


def test_scored_image_when_the_score_is_no_number_then_it_says_whose():
    with pytest.raises(ValueError, match="patient p1 is nan; a finite number is needed"):
        ScoredImage("p1", "here", True, math.nan)
