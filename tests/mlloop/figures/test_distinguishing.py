"""The drawn mask among masks of the same quality, and the attacker who looks for it."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, stats

from fixtures.phantoms import make_phantom
from mlloop.figures.distinguishing import (
    FEATURES,
    NamedFirst,
    Pick,
    named_first,
    shape_features,
)
from mlloop.figures.metrics import count_pixels, dice
from mlloop.pixels.evening import redraw_alike
from mlloop.pixels.masks import decode_mask
from mlloop.pixels.raster import average_p8, canonical_raster, quantise, threshold_mask

Mask = np.ndarray


def soft_map(mask: Mask, *, grid: int, cells: float, t8: int) -> np.ndarray:
    """Return the p8 map of a network that finds exactly this mask, but softly, if cut at `t8`."""
    probability = average_p8(mask, grid=(grid, grid)) / 255.0
    soft = np.clip(ndimage.gaussian_filter(probability, cells), 1e-6, 1 - 1e-6)
    logits = np.log(soft / (1 - soft)) + math.log(t8 / (255 - t8))
    return quantise(1 / (1 + np.exp(-logits)))


def proposed_masks(mask: Mask, *, grid: int, seed: int) -> list[Mask]:
    """Return the masks of three equally good networks, of different softness and threshold."""
    random = np.random.default_rng(seed)
    softness = random.uniform(0.5, 1.6, 3) * grid / 128
    return [
        threshold_mask(soft_map(mask, grid=grid, cells=cells, t8=t8), shape=mask.shape, t8=t8)
        for cells, t8 in zip(softness, random.integers(64, 192, 3).tolist(), strict=True)
    ]


def as_network_mask(mask: Mask, *, grid: int) -> Mask:
    return threshold_mask(average_p8(mask, grid=(grid, grid)), shape=mask.shape, t8=128)


def picks_of(masks: Sequence[Mask], *, path: str, grid: int, perfect: bool = False) -> list[Pick]:
    """Return a pick for each drawn mask, with the networks' masks first, redrawn by a path."""
    picks = []
    for i, drawn in enumerate(masks):
        networks = proposed_masks(drawn, grid=grid, seed=i)
        if perfect:
            networks = [as_network_mask(drawn, grid=grid)] * 3
        if (
            path == "one raster"
        ):  # as before: the networks' masks pass the grid twice, this one once
            shown = [canonical_raster(mask, grid=(grid, grid)) for mask in (*networks, drawn)]
        elif path == "two rasters":
            both = (*networks, as_network_mask(drawn, grid=grid))
            shown = [canonical_raster(mask, grid=(grid, grid)) for mask in both]
        else:
            both = (*networks, as_network_mask(drawn, grid=grid))
            shown = redraw_alike(both, grid=grid, seed=i)
        features = np.array([shape_features(mask, grid=grid) for mask in shown])
        picks.append(Pick(str(i), features, drawn=3))
    return picks


def most_changed(picks: Sequence[Pick]) -> int:
    """Count the picks whose drawn mask changes most under one more raster."""
    return sum(int(pick.features[:, 0].argmax()) == pick.drawn for pick in picks)


@pytest.fixture(scope="module")
def phantoms() -> list[Mask]:
    made = (make_phantom(seed=3, patient=i, size=128, group="covid").infection for i in range(50))
    return [mask for mask in made if mask.sum() > 100]


def test_equally_good_masks_when_redrawn_alike_then_the_drawn_one_is_not_found(
    phantoms: list[Mask],
) -> None:
    found = named_first(picks_of(phantoms, path="alike", grid=64))
    assert found.n > 40
    assert not found.is_beyond_chance, found
    assert found.ci_low <= 0.25


@pytest.mark.parametrize("path", ["one raster", "two rasters"])
def test_equally_good_masks_when_only_rastered_then_the_drawn_one_is_found(
    phantoms: list[Mask], path: str
) -> None:
    """The same attacker succeeds on the former path, so the test above can fail."""
    found = named_first(picks_of(phantoms, path=path, grid=64))
    assert found.is_beyond_chance
    assert found.ci_low > 0.5


def test_perfect_network_when_rastered_once_then_the_mask_that_changes_most_is_the_drawn_one(
    phantoms: list[Mask],
) -> None:
    n = len(phantoms)
    before = most_changed(picks_of(phantoms, path="one raster", grid=64, perfect=True))
    after = most_changed(picks_of(phantoms[:30], path="alike", grid=64, perfect=True))
    assert before > 0.85 * n
    assert after <= stats.binom(30, 0.25).ppf(0.975)


@pytest.mark.slow
@pytest.mark.skipif("ROUNDTRUTH_DATA" not in os.environ, reason="ROUNDTRUTH_DATA is not set")
def test_real_masks_when_redrawn_alike_then_the_drawn_one_is_not_found() -> None:
    root = Path(os.environ["ROUNDTRUTH_DATA"])
    with (root / "metadata.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "covid"]
    named = [row["infection_mask"] for row in rows if row["infection_mask"]]
    masks = [decode_mask((root / name).read_bytes()) for name in named[:: len(named) // 60]]
    drawn = [mask for mask in masks if mask.sum() > 200]
    found = named_first(picks_of(drawn, path="alike", grid=128))
    assert found.n > 50
    assert not found.is_beyond_chance, found
    assert named_first(picks_of(drawn, path="one raster", grid=128)).ci_low > 0.5


def test_drawn_mask_when_redrawn_alike_then_it_stays_faithful(phantoms: list[Mask]) -> None:
    agreement = []
    for i, drawn in enumerate(phantoms[:20]):
        masks = (*proposed_masks(drawn, grid=64, seed=i), as_network_mask(drawn, grid=64))
        agreement.append(dice(count_pixels(redraw_alike(masks, grid=64, seed=i)[-1], drawn)))
    assert np.mean(agreement) > 0.90  # cells of 2 pixels and lesions of a few cells: the worst case
    assert min(agreement) > 0.85


def picks_with(share: float, *, n: int = 60, masks: int = 4) -> list[Pick]:
    """Return picks of random shapes; in a share of them the drawn mask has one larger feature."""
    random = np.random.default_rng(0)
    picks = []
    for i in range(n):
        features = random.normal(size=(masks, len(FEATURES)))
        drawn = int(random.integers(masks))
        features[drawn, 2] += 8.0 * (random.random() < share)
        picks.append(Pick(str(i), features, drawn))
    return picks


def test_named_first_when_a_feature_tells_then_found_and_when_none_tells_then_not() -> None:
    assert named_first(picks_with(1.0)).hits == 60
    guessed = named_first(picks_with(0.0))
    assert not guessed.is_beyond_chance
    assert guessed.chance == 0.25


def test_named_first_when_the_drawn_mask_is_always_the_middle_one_then_found() -> None:
    random = np.random.default_rng(1)
    picks = []
    for i in range(60):
        features = np.zeros((3, len(FEATURES)))
        features[:, 1] = np.array([-1.0, 0.0, 1.0]) * random.choice([-1, 1])
        picks.append(Pick(str(i), features, drawn=1))
    assert named_first(picks).hits == 60


def test_named_first_when_all_masks_are_the_same_then_the_lot_decides() -> None:
    picks = [Pick(str(i), np.ones((4, len(FEATURES))), i % 4) for i in range(80)]
    found = named_first(picks)
    assert not found.is_beyond_chance
    assert found.hits > 0


def test_named_first_when_one_patient_then_nothing_is_learned_from_its_own_picks() -> None:
    same = [Pick("one", pick.features, pick.drawn) for pick in picks_with(1.0)]
    assert not named_first(same).is_beyond_chance


def test_named_first_when_picks_have_different_sizes_then_chance_is_exact() -> None:
    picks = [*picks_with(0.0, n=30, masks=4), *picks_with(0.0, n=30, masks=2)]
    found = named_first(picks)
    assert found.chance == pytest.approx((0.25 + 0.5) / 2)
    even = named_first(picks_with(0.0))
    assert even.chance_low * 60 == stats.binom(60, 0.25).ppf(0.025)
    assert even.chance_high * 60 == stats.binom(60, 0.25).ppf(0.975)
    exact = stats.binomtest(even.hits, even.n).proportion_ci(0.95, method="exact")
    assert (even.ci_low, even.ci_high) == pytest.approx((exact.low, exact.high))


def test_named_first_when_there_is_no_pick_then_no_figure_and_a_lone_mask_is_refused() -> None:
    nothing = named_first([])
    assert isinstance(nothing, NamedFirst)
    assert nothing.as_json()["share"] is None
    with pytest.raises(ValueError, match="at least two masks"):
        named_first([Pick("a", np.zeros((1, len(FEATURES))), 0)])


def test_shape_features_when_a_rectangle_and_a_pixel_then_counted_by_hand() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[4:8, 4:10] = True
    mask[5, 6] = False  # a hole: four runs of one pixel
    mask[20, 20] = True  # a part: four more
    shape = dict(zip(FEATURES, shape_features(mask, grid=20), strict=True))
    assert shape["perimeter over root area"] == pytest.approx(28 / math.sqrt(24))
    assert shape["corners"] == pytest.approx(12 / 28)
    assert shape["mean run"] == pytest.approx(28 / 12 / math.sqrt(24))
    assert shape["runs of one pixel"] == pytest.approx(8 / 12)
    assert shape["parts"] == pytest.approx(math.log(2))
    assert shape["holes"] == pytest.approx(math.log(2))
    assert shape["smallest part"] == pytest.approx(1 / 24)


def test_shape_features_when_empty_then_0_and_a_stable_mask_does_not_change() -> None:
    empty = np.zeros((30, 20), np.bool_)
    assert shape_features(empty, grid=10) == (0.0,) * len(FEATURES)
    assert shape_features(~empty, grid=10)[0] == 0.0
