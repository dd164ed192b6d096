"""Rows of the table: counts at every threshold, and thresholds chosen on other folds only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlloop.figures.detection import RATES
from mlloop.figures.levels import best_t8, best_t8_by_fold, count_levels, counts_at
from mlloop.figures.metrics import Counts, count_pixels, dice, pool_counts
from mlloop.folders.scoring import Row, RowImage
from mlloop.pixels.raster import threshold_mask


@given(seed=st.integers(0, 10_000), t8=st.integers(1, 255), side=st.integers(1, 9))
def test_counts_at_when_compared_with_the_mask_then_agree(seed: int, t8: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    p8 = rng.integers(0, 256, (side, side + 1)).astype(np.uint8)
    truth = rng.random((23, 17)) < rng.random()
    mask = threshold_mask(p8, shape=truth.shape, t8=t8)
    assert counts_at(count_levels(p8, truth), t8) == count_pixels(mask, truth)


@given(seed=st.integers(0, 10_000))
def test_best_t8_when_all_thresholds_are_tried_then_none_is_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = [
        count_levels(rng.integers(0, 256, (6, 6)).astype(np.uint8), rng.random((6, 6)) < 0.3)
        for _ in range(3)
    ]
    result = best_t8(levels)
    tried = {
        t: dice(pool_counts([counts_at(figure, t) for figure in levels])) for t in range(1, 256)
    }
    assert math.isclose(tried[result], max(tried.values()), abs_tol=1e-12) or not any(
        tried.values()
    )


def test_best_t8_when_nothing_is_infected_then_stays_in_the_middle() -> None:
    assert best_t8([count_levels(np.full((2, 2), 9, np.uint8), np.zeros((2, 2), np.bool_))]) == 128


def test_crossed_t8_when_a_fold_changes_then_its_own_threshold_does_not() -> None:
    truth = np.zeros((4, 4), np.bool_)
    truth[:2] = True
    levels = [count_levels(np.where(truth, high, 10).astype(np.uint8), truth) for high in (90, 60)]
    before = best_t8_by_fold(levels, [0, 1])
    assert before == {0: 11, 1: 11}
    worse = count_levels(np.where(truth, 0, 200).astype(np.uint8), truth)
    after = best_t8_by_fold([levels[0], worse], [0, 1])
    assert after[1] == before[1]
    assert after[0] != before[0]


def judged(n: int, *, covid: bool, share: int, score: float) -> RowImage:
    result = Counts(share, 0, 2, 98 - share) if covid else Counts(0, share, 0, 100 - share)
    return RowImage(f"p{n}", "north" if n % 2 else "south", n % 2, covid, result, score)


def test_row_when_one_source_has_one_class_then_warns_and_keeps_every_convention() -> None:
    images = tuple(judged(n, covid=bool(n % 2), share=10 * (n % 2), score=n % 2) for n in range(8))
    plain = Row("x", "128 of 255", "score", images).as_json(n_boot=20)
    assert [figure["convention"] for figure in plain["pooled"]] == ["pooled"] * 7  # type: ignore[union-attr,call-overload,attr-defined]
    per_image = plain["per_image"]
    assert isinstance(per_image, list)
    assert {figure["convention"] for figure in per_image} == {"per_image"}
    assert {figure["name"]: figure["value"] for figure in per_image} == {
        # Four films with 10 of 12 pixels found, four without any: these count for two figures only.
        "dice": pytest.approx(20 / 22),
        "f1": pytest.approx(20 / 22),
        "f2": pytest.approx(50 / 58),
        "iou": pytest.approx(10 / 12),
        "sensitivity": pytest.approx(10 / 12),
        "precision": 1.0,
        "specificity": 1.0,
        "accuracy": pytest.approx((0.98 + 1) / 2),
    }
    counted = {figure["name"]: (figure["n"], figure["n_both_empty"]) for figure in per_image}
    assert (counted["sensitivity"], counted["accuracy"]) == ((4, 4), (8, 4))
    result = plain["detection"]
    assert isinstance(result, dict)
    assert result["auc"]["value"] == 1.0
    assert all("All 4 images" in figure["warning"] for figure in result["auc_by_source"])
    sensitivity, specificity, *_ = result["any_pixel"]
    assert (sensitivity["value"], specificity["value"]) == (1.0, 1.0)


def test_row_when_the_area_rule_is_fitted_then_only_on_the_other_fold() -> None:
    # In fold 0 covid films have 50 pixels, in fold 1 only 5: the rule of fold 0 must miss fold 1's.
    images = []
    for n in range(8):
        covid, fold = n < 4, n % 2
        share = (50 if fold == 0 else 5) if covid else 0
        images.append(judged(n, covid=covid, share=share, score=share))
    rates = Row("x", "", "", tuple(images)).as_json(n_boot=5)["detection"]
    assert isinstance(rates, dict)
    assert rates["area"][0]["value"] == pytest.approx(0.5)
    assert rates["no_area"] == ""


@pytest.mark.parametrize(
    ("fold", "is_covid", "sentence"),
    [
        (lambda n: 0, lambda n: n < 4, "all these films are in one fold"),
        (
            lambda n: n % 2,
            lambda n: n % 2 == 1,
            "outside fold 0 and 1 are all covid or all not covid",
        ),
        (lambda n: n % 2, lambda n: n == 2, "outside fold 0 are all covid or all not covid"),
        (
            lambda n: n % 3,
            lambda n: True,
            "outside fold 0 and 1 and 2 are all covid or all not covid",
        ),
    ],
)
def test_row_when_no_area_rule_can_be_chosen_then_gives_no_figure_and_says_why(
    fold: Callable[[int], int], is_covid: Callable[[int], bool], sentence: str
) -> None:
    images = tuple(
        replace(judged(n, covid=is_covid(n), share=9, score=9), fold=fold(n)) for n in range(8)
    )
    result = Row("x", "", "", images).as_json(n_boot=5)["detection"]
    assert isinstance(result, dict)
    assert result["area"] == []
    assert sentence in result["no_area"]
    assert [figure["name"] for figure in result["any_pixel"]] == list(RATES)
