"""The only rule that turns a probability map into a mask. The browser uses the same rule.

`p8` is a probability map `(h, w) uint8` at the network's grid; `t8` is a threshold from 1 to 255.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mlloop.pixels.arrays import BoolArray, ByteArray, IntArray
from mlloop.pixels.masks import MaskError


def quantise(probability: npt.NDArray[np.floating]) -> ByteArray:
    """Return p8 = floor(255 p + 0.5) `(h, w) uint8` of probabilities 0..1 `(h, w)`."""
    if not np.isfinite(probability).all():
        raise MaskError("The probability map has values that are not numbers.")
    scaled = np.clip(probability.astype(np.float64), 0.0, 1.0) * 255.0 + 0.5
    return np.floor(scaled).astype(np.uint8)


def upsample_p8(p8: ByteArray, *, shape: tuple[int, int]) -> ByteArray:
    """Resize p8 `(h, w)` to `(H, W)` by the integer bilinear rule that the browser uses too.

    Half-pixel centres, 8-bit weights, one rounding at the end. Without float arithmetic both
    languages agree on every pixel. The product stays below 2**24.
    """
    top, bottom, weight_y = _bilinear_axis(p8.shape[0], shape[0])
    left, right, weight_x = _bilinear_axis(p8.shape[1], shape[1])
    wide = p8.astype(np.int32)
    across = wide[:, left] * (256 - weight_x) + wide[:, right] * weight_x
    down = across[top] * (256 - weight_y)[:, None]
    down += across[bottom] * weight_y[:, None]
    down += 32768
    down >>= 16
    return down.astype(np.uint8)


def threshold_mask(p8: ByteArray, *, shape: tuple[int, int], t8: int) -> BoolArray:
    """Return the mask `(H, W) bool` of a p8 map: the upsampled value is at least `t8` (1..255).

    The pixels are the same as in `upsample_p8(p8) >= t8`, but ten times as fast. A pixel is a mean
    of four neighbours, so it is computed only where a neighbour reaches `t8`, and without rounding.
    """
    if not 1 <= t8 <= 255:
        raise MaskError(f"The threshold is {t8}; it must be from 1 to 255.")
    top, bottom, weight_y = _bilinear_axis(p8.shape[0], shape[0])
    left, right, weight_x = _bilinear_axis(p8.shape[1], shape[1])
    wide = p8.astype(np.int32)
    across = wide[:, left] * (256 - weight_x) + wide[:, right] * weight_x
    reaches_t8 = p8 >= t8
    mask = np.zeros(shape, np.bool_)
    # Compute one strip at a time, because it fits into the cache. A strip is the rows of the image
    # that lie between the same two rows of the map.
    edges = np.concatenate(([0], np.flatnonzero(np.diff(top) | np.diff(bottom)) + 1, [shape[0]]))
    above, below = top[edges[:-1]], bottom[edges[:-1]]
    neighbour_reaches = reaches_t8[:, left] | reaches_t8[:, right]
    strips = neighbour_reaches[above] | neighbour_reaches[below]
    starts, stops = strips.argmax(axis=1), shape[1] - strips[:, ::-1].argmax(axis=1)
    for i in np.flatnonzero(strips.any(axis=1)).tolist():
        rows, strip = slice(edges[i], edges[i + 1]), slice(starts[i], stops[i])
        upper, lower = across[above[i], strip], across[below[i], strip]
        value = weight_y[rows, None] * (lower - upper)
        value += upper * 256
        mask[rows, strip] = value >= (t8 << 16) - 32768
    return mask


def average_p8(mask: BoolArray, *, grid: tuple[int, int]) -> ByteArray:
    """Return the p8 map `grid` of a mask `(H, W)`: the share of each cell that the mask covers."""
    height, width = mask.shape
    covered = area_sums(mask, grid=grid)
    # Integer form of floor(255 * covered / area + 0.5). A float mean may round a tie wrongly.
    p8: ByteArray = ((510 * covered + height * width) // (2 * height * width)).astype(np.uint8)
    return p8


def canonical_raster(mask: BoolArray, *, grid: tuple[int, int]) -> BoolArray:
    """Return a mask `(H, W)` redrawn through `grid`: area average, quantise, threshold at 128.

    The result looks like a network's mask: its edge no longer shows the pixels that a person drew.
    A second pass changes much less than the first, so masks that are compared pass equally often.
    """
    return threshold_mask(average_p8(mask, grid=grid), shape=mask.shape, t8=128)


def area_sums(values: npt.NDArray[np.generic], *, grid: tuple[int, int]) -> IntArray:
    """Return the exact sums of whole numbers `(H, W)` over the cells of `grid` `(h, w)`.

    The unit is 1/(h w) of a pixel, so the mean of a cell is its sum divided by H W.
    """
    down = _row_sums(values, grid[0])
    return np.ascontiguousarray(_row_sums(np.ascontiguousarray(down.T), grid[1]).T)


def _bilinear_axis(source: int, target: int) -> tuple[IntArray, IntArray, npt.NDArray[np.int32]]:
    """Return the two neighbours and the 8-bit weight of the second, for each target position."""
    numerator = (2 * np.arange(target, dtype=np.int64) + 1) * source - target
    first = numerator // (2 * target)
    weight = (numerator - first * 2 * target) * 256 // (2 * target)
    last = source - 1
    return np.clip(first, 0, last), np.clip(first + 1, 0, last), weight.astype(np.int32)


def _row_sums(values: npt.NDArray[np.generic], cells: int) -> IntArray:
    """Sum the rows of `values` over `cells` equal spans, in exact units of 1/cells of a row."""
    length = values.shape[0]
    edges = np.arange(cells + 1) * length
    rows, parts = edges // cells, edges % cells
    sums = np.empty((cells, values.shape[1]), np.int64)
    for cell in range(
        cells
    ):  # one span at a time reads each row about once and makes no large copy
        first, last = int(rows[cell]), int(rows[cell + 1])
        total = values[first:last].sum(axis=0, dtype=np.int64) * cells
        total -= values[first].astype(np.int64) * int(parts[cell])
        if parts[cell + 1]:
            total += values[last].astype(np.int64) * int(parts[cell + 1])
        sums[cell] = total
    return sums
