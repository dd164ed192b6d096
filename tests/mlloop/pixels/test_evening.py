"""Masks of a pick become equally rough, and stay the masks that they were."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mlloop.pixels.evening import KEPT, edge_roughness, redraw_alike
from mlloop.pixels.raster import average_p8

GRID = 48


def blob(*, ragged: float, seed: int = 0, side: int = 192) -> np.ndarray:
    """Return a round mask with an edge of random dents."""
    random = np.random.default_rng(seed)
    y, x = np.indices((side, side)) - side / 2
    dents = ndimage.gaussian_filter(random.normal(size=(side, side)), 3.0)
    return np.hypot(y, x) < 0.3 * side * (1 + ragged * dents / dents.std())


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * (one & other).sum() / (one.sum() + other.sum())


def roughness(mask: np.ndarray) -> float:
    return edge_roughness(average_p8(mask, grid=(GRID, GRID)))


def test_redraw_alike_when_one_edge_is_ragged_then_it_becomes_as_smooth_as_the_other() -> None:
    masks = [blob(ragged=0.0), blob(ragged=0.10), blob(ragged=0.05, seed=1)]
    before = [roughness(mask) for mask in masks]
    redrawn = redraw_alike(masks, grid=GRID, seed=0)
    after = [roughness(mask) for mask in redrawn]
    assert max(before) > 3 * min(before)
    assert max(after) < 1.6 * min(after)
    for mask, drawn in zip(redrawn, masks, strict=True):
        assert overlap(mask, drawn) > KEPT - 0.02


def test_redraw_alike_when_a_mask_cannot_be_that_smooth_then_it_keeps_its_pixels() -> None:
    specks = np.zeros((192, 192), np.bool_)
    specks[12::32, 12::32] = True
    specks = ndimage.binary_dilation(specks, iterations=8)
    redrawn = redraw_alike([blob(ragged=0.0), specks], grid=GRID, seed=0)
    assert overlap(redrawn[1], specks) > KEPT - 0.1


def test_redraw_alike_when_the_seed_is_the_same_then_the_masks_are_too() -> None:
    masks = [blob(ragged=0.08, seed=i) for i in range(3)]
    first = redraw_alike(masks, grid=GRID, seed=4)
    again = redraw_alike(masks, grid=GRID, seed=4)
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))


def test_redraw_alike_when_a_mask_is_empty_or_full_then_it_stays_so() -> None:
    empty = np.zeros((60, 50), np.bool_)
    assert not redraw_alike([empty], grid=20, seed=0)[0].any()
    first, second = redraw_alike([empty, ~empty], grid=20, seed=0)
    assert not first.any()
    assert second.all()
    assert redraw_alike([], grid=20, seed=0) == []


def test_redraw_alike_when_all_masks_are_the_same_then_each_place_may_be_the_smoothest() -> None:
    """No mask is treated by its place or origin: only the random share of smoothness differs."""
    mask = blob(ragged=0.06)
    smoothest = set()
    for seed in range(12):
        after = [roughness(shown) for shown in redraw_alike([mask] * 3, grid=GRID, seed=seed)]
        smoothest.add(int(np.argmin(after)))
        assert max(after) < 1.6 * min(after)
    assert smoothest == {0, 1, 2}
