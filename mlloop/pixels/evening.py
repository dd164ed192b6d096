"""Redraws the masks of a blind pick so that no edge shows which mask a person drew.

The raster alone is not enough: a network's map is soft, so its edge has fewer details than a drawn
edge at the same grid. Therefore all masks of a pick are made equally rough. Every mask passes the
same steps, and nothing here knows which mask was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from mlloop.pixels.arrays import BoolArray, ByteArray
from mlloop.pixels.masks import contour_length, mask_changes
from mlloop.pixels.raster import average_p8, canonical_raster, quantise, threshold_mask

PROBE = 1.0  # the softness, in cells of the grid, whose effect on an edge is its roughness
MOST = 4.0  # the greatest softness that is tried, in cells
STEPS = 6  # halvings of the interval 0..MOST: a sixteenth of a cell
KEPT = 0.90  # softening stops where a mask would lose more of itself (Dice)
SPREAD = 0.15  # masks of a pick differ in roughness by up to this share, as networks do


def redraw_alike(masks: Sequence[BoolArray], *, grid: int, seed: int) -> list[BoolArray]:
    """Return the masks `(H, W)` of a pick, redrawn through `grid` and equally rough.

    Each mask is softened until it is as rough as the smoothest one, less a random share of up to
    `SPREAD`. Without that share, the mask that needs no softening would stand out. The same seed
    gives the same masks.
    """
    maps = [average_p8(mask, grid=(grid, grid)) for mask in masks]
    marked = [p8 for p8 in maps if (p8 >= 128).any()]
    smoothest = min((edge_roughness(_redraw(p8)) for p8 in marked), default=0.0)
    shares = np.random.default_rng(seed).uniform(1.0 - SPREAD, 1.0, len(maps))
    redrawn = []
    for mask, p8, share in zip(masks, maps, shares.tolist(), strict=True):
        softened = _soften_to(p8, smoothest * share)
        back = threshold_mask(softened, shape=mask.shape, t8=128)
        redrawn.append(canonical_raster(back, grid=(grid, grid)))
    return redrawn


def edge_roughness(p8: ByteArray) -> float:
    """Return how many pixels softening by `PROBE` cells changes for each unit of contour.

    The mask of `p8` is drawn at two pixels a cell. An empty mask has no roughness.
    """
    mask = _at_two_pixels(p8)
    contour = contour_length(mask)
    if contour == 0:
        return 0.0
    added, removed = mask_changes(mask, _at_two_pixels(_soften(_redraw(p8), PROBE)))
    return float(np.count_nonzero(added | removed)) / contour


def _soften_to(p8: ByteArray, roughness: float) -> ByteArray:
    """Return `p8` softened as little as makes its mask no rougher than `roughness`.

    If the redrawn mask would lose more than `KEPT` allows, it is softened as far as that allows.
    """
    if edge_roughness(_redraw(p8)) <= roughness:
        return p8
    mask, kept = _at_two_pixels(p8), p8
    too_rough, smooth = 0.0, MOST
    for _ in range(STEPS):
        middle = (too_rough + smooth) / 2
        softened = _soften(p8, middle)
        redrawn = _redraw(softened)
        is_kept = _overlap(_at_two_pixels(redrawn), mask) >= KEPT
        if is_kept:
            kept = softened
        if is_kept and edge_roughness(redrawn) > roughness:
            too_rough = middle
        else:
            smooth = middle
    return kept


def _soften(p8: ByteArray, cells: float) -> ByteArray:
    soft = ndimage.gaussian_filter(p8.astype(np.float64) / 255.0, cells, mode="nearest")
    return quantise(soft)


def _redraw(p8: ByteArray) -> ByteArray:
    """Return the map of the mask of `p8`, as the last raster sees it."""
    return average_p8(_at_two_pixels(p8), grid=p8.shape)


def _at_two_pixels(p8: ByteArray) -> BoolArray:
    return threshold_mask(p8, shape=(2 * p8.shape[0], 2 * p8.shape[1]), t8=128)


def _overlap(one: BoolArray, other: BoolArray) -> float:
    return 2.0 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))
