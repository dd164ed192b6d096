"""The one mask codec, and the one raster rule from a probability map to a mask.

Masks are `(H, W) bool` here and 8-bit grey PNG (0/255) at rest. Refuses anything but a plain grey
PNG of the expected size, and reads that size from the header before it decodes a single pixel.
"""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from mlloop.pixels.png_chunks import (
    PngHeader,
    inflate_rows,
    is_png_whole,
    read_png_header,
    write_png,
)

BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]

MAX_MASK_PIXELS = 64_000_000
_DECODE_FAILURES = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, Warning)


class MaskError(ValueError):
    """A mask that cannot be taken, told in one plain sentence."""


def encode_grey_png(rows: ByteArray, *, width: int, depth: int, has_runs: bool = False) -> bytes:
    """Write packed rows `(H, bytes per row) uint8` as a grey PNG, always the same bytes."""
    height, stride = rows.shape
    filtered = np.zeros((height, stride + 1), np.uint8)
    filtered[:, 1:] = rows
    # Masks are runs: looking for nothing else is 2.6 times as fast, and 5 % larger (256x256).
    strategy = zlib.Z_RLE if has_runs else zlib.Z_DEFAULT_STRATEGY
    deflate = zlib.compressobj(1 if has_runs else 6, strategy=strategy)
    body = deflate.compress(filtered.tobytes()) + deflate.flush()
    return wrap_grey_png(body, shape=(height, width), depth=depth)


def wrap_grey_png(body: bytes, *, shape: tuple[int, int], depth: int) -> bytes:
    """Put the chunks of a grey PNG of `shape` (H, W) around its deflated rows."""
    return write_png(PngHeader(shape[0], shape[1], depth, 0, False), body)


def decode_mask(data: bytes, *, shape: tuple[int, int] | None = None) -> BoolArray:
    """Decode a 1-bit or 8-bit grey PNG to `(H, W) bool`, where every value above 0 is mask.

    `shape` is the size of the image that the mask must match. Raises MaskError.
    """
    return _decode_grey(data, name="mask", depths=(1, 8), shape=shape) > 0


def encode_mask(mask: BoolArray) -> bytes:
    """Encode `(H, W) bool` as the stored form: 8-bit grey PNG, 0 and 255, always the same bytes."""
    mask = _checked_mask(mask)
    rows = mask.view(np.uint8) * np.uint8(255)
    return encode_grey_png(rows, width=mask.shape[1], depth=8, has_runs=True)


def encode_wire_mask(mask: BoolArray) -> bytes:
    """Encode `(H, W) bool` as the form that travels to and from the browser: 1-bit grey PNG."""
    mask = _checked_mask(mask)
    return encode_grey_png(np.packbits(mask, axis=1), width=mask.shape[1], depth=1)


def encode_probability(p8: ByteArray) -> bytes:
    """Encode a quantised probability map `(h, w) uint8` as 8-bit grey PNG."""
    if p8.dtype != np.uint8 or p8.ndim != 2 or 0 in p8.shape:
        raise MaskError("The probability map is not a plane of 8-bit values.")
    rows = np.zeros((p8.shape[0], p8.shape[1] + 1), np.uint8)
    rows[:, 1:] = p8
    body = bytes(imagecodecs.deflate_encode(rows.tobytes(), level=6))  # zlib takes twice as long
    return wrap_grey_png(body, shape=p8.shape, depth=8)


def decode_probability(data: bytes) -> ByteArray:
    """Decode an 8-bit grey PNG to `(h, w) uint8`. Raises MaskError."""
    return _decode_grey(data, name="probability map", depths=(8,), shape=None)


def quantise(probability: npt.NDArray[np.floating]) -> ByteArray:
    """Turn probabilities 0..1 `(h, w)` into p8 = floor(255 p + 0.5) `(h, w) uint8`."""
    if not np.isfinite(probability).all():
        raise MaskError("The probability map has values that are not numbers.")
    scaled = np.clip(probability.astype(np.float64), 0.0, 1.0) * 255.0 + 0.5
    return np.floor(scaled).astype(np.uint8)


def upsample_p8(p8: ByteArray, *, shape: tuple[int, int]) -> ByteArray:
    """Resize p8 `(h, w)` to `(H, W)` by the integer bilinear rule that the browser repeats.

    Half-pixel centres, 8-bit weights, one rounding at the end: nothing depends on float arithmetic,
    so both languages agree on every pixel. The product stays below 2**24.
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

    The same pixels as `upsample_p8(p8) >= t8`, ten times as fast: a pixel is a mean of four
    neighbours, so it is worked out only where one of them reaches `t8`, and is never rounded.
    """
    if not 1 <= t8 <= 255:
        raise MaskError(f"The threshold is {t8}; it must be from 1 to 255.")
    top, bottom, weight_y = _bilinear_axis(p8.shape[0], shape[0])
    left, right, weight_x = _bilinear_axis(p8.shape[1], shape[1])
    wide = p8.astype(np.int32)
    across = wide[:, left] * (256 - weight_x) + wide[:, right] * weight_x
    hot = p8 >= t8
    mask = np.zeros(shape, np.bool_)
    # Rows between the same two rows of the map, a strip at a time: it stays in the cache.
    edges = np.concatenate(([0], np.flatnonzero(np.diff(top) | np.diff(bottom)) + 1, [shape[0]]))
    above, below = top[edges[:-1]], bottom[edges[:-1]]
    is_hot = hot[:, left] | hot[:, right]
    strips = is_hot[above] | is_hot[below]
    starts, stops = strips.argmax(axis=1), shape[1] - strips[:, ::-1].argmax(axis=1)
    for i in np.flatnonzero(strips.any(axis=1)).tolist():
        rows, strip = slice(edges[i], edges[i + 1]), slice(starts[i], stops[i])
        upper, lower = across[above[i], strip], across[below[i], strip]
        value = weight_y[rows, None] * (lower - upper)
        value += upper * 256
        mask[rows, strip] = value >= (t8 << 16) - 32768
    return mask


def canonical_raster(mask: BoolArray, *, grid: tuple[int, int]) -> BoolArray:
    """Redraw a mask `(H, W)` through `grid`, as every blind candidate is, so that its edge does not
    betray whether a hand or a network drew it: area average, quantise, threshold at 128.
    """
    height, width = mask.shape
    covered = area_sums(mask, grid=grid)
    # Exact integer form of floor(255 * covered / area + 0.5): a float mean may tip at a tie.
    p8 = (510 * covered + height * width) // (2 * height * width)
    return threshold_mask(p8.astype(np.uint8), shape=(height, width), t8=128)


def area_sums(values: npt.NDArray[np.generic], *, grid: tuple[int, int]) -> IntArray:
    """Sum whole numbers `(H, W)` over the cells of `grid` `(h, w)`, exactly.

    The unit is 1/(h w) of a pixel, so the mean of a cell is its sum divided by H W.
    """
    down = _row_sums(values, grid[0])
    return np.ascontiguousarray(_row_sums(np.ascontiguousarray(down.T), grid[1]).T)


def changed_pixels(before: BoolArray, after: BoolArray) -> int:
    """Count the pixels in which two masks of one image differ."""
    added, removed = mask_changes(before, after)
    return int(added.sum() + removed.sum())


def mask_changes(before: BoolArray, after: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Return the pixels `(added, removed)` between two masks of one image, each `(H, W) bool`."""
    if before.shape != after.shape:
        raise MaskError(f"One mask is {_size(before.shape)}, the other {_size(after.shape)}.")
    return after & ~before, before & ~after


def contour_length(mask: BoolArray) -> int:
    """Count the pixel edges between mask and not-mask, holes and the image border included."""
    padded = np.pad(mask, 1)
    across = np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    down = np.count_nonzero(padded[1:] != padded[:-1])
    return int(across + down)


def _size(shape: tuple[int, ...]) -> str:
    """Say a numpy shape the way people say it: width first."""
    return f"{shape[1]}×{shape[0]}"


def _checked_mask(mask: BoolArray) -> BoolArray:
    if mask.dtype != np.bool_ or mask.ndim != 2 or 0 in mask.shape:
        raise MaskError("The mask is not a plane of true and false values.")
    return np.ascontiguousarray(mask)


def _decode_grey(
    data: bytes, *, name: str, depths: tuple[int, ...], shape: tuple[int, int] | None
) -> ByteArray:
    header = read_png_header(data)
    if header is None:
        raise MaskError(f"The {name} is not a PNG file.")
    _check_header(header, name=name, depths=depths, shape=shape)
    if not is_png_whole(data):
        raise MaskError(f"The {name} is damaged or cut short.")
    if (unfiltered := _unfiltered_rows(data, header)) is not None:
        return unfiltered
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            if opened.size != (header.width, header.height) or opened.mode not in ("1", "L"):
                raise MaskError(f"The {name} is damaged: its header does not match its content.")
            return np.asarray(opened, dtype=np.uint8)
    except MaskError:
        raise
    except _DECODE_FAILURES as failure:
        raise MaskError(f"The {name} is damaged or cut short.") from failure


def _unfiltered_rows(data: bytes, header: PngHeader) -> ByteArray | None:
    """Return the values of a grey PNG without line filters, as we and the browser write it."""
    rows = inflate_rows(data, header)
    if rows is None or rows[:, 0].any():
        return None
    if header.depth == 1:
        return np.unpackbits(rows[:, 1:], axis=1, count=header.width)
    return np.ascontiguousarray(rows[:, 1:])


def _check_header(
    header: PngHeader, *, name: str, depths: tuple[int, ...], shape: tuple[int, int] | None
) -> None:
    size = (header.height, header.width)
    if shape is not None and size != shape:
        raise MaskError(f"The {name} is {_size(size)}, but the image is {_size(shape)}.")
    if 0 in size:
        raise MaskError(f"The {name} has no pixels: its header says {_size(size)}.")
    if size[0] * size[1] > MAX_MASK_PIXELS:
        limit = MAX_MASK_PIXELS // 1_000_000
        raise MaskError(f"The {name} is {_size(size)}, more than the {limit} megapixels allowed.")
    if header.colour == 3:
        raise MaskError(f"The {name} uses a colour palette; save it as a plain grey PNG.")
    if header.colour != 0:
        raise MaskError(f"The {name} has more than one channel; save it as a plain grey PNG.")
    if header.depth not in depths:
        allowed = " or ".join(str(depth) for depth in depths)
        raise MaskError(f"The {name} has {header.depth} bits per pixel; {allowed} are allowed.")


def _bilinear_axis(source: int, target: int) -> tuple[IntArray, IntArray, npt.NDArray[np.int32]]:
    """Return the two neighbours and the 8-bit weight of the second, for each target position."""
    numerator = (2 * np.arange(target, dtype=np.int64) + 1) * source - target
    first = numerator // (2 * target)
    weight = (numerator - first * 2 * target) * 256 // (2 * target)
    last = source - 1
    return np.clip(first, 0, last), np.clip(first + 1, 0, last), weight.astype(np.int32)


def _row_sums(values: npt.NDArray[np.generic], cells: int) -> IntArray:
    """Sum the rows of `values` over `cells` equal stretches, in exact units of 1/cells of a row."""
    length = values.shape[0]
    edges = np.arange(cells + 1) * length
    rows, parts = edges // cells, edges % cells
    sums = np.empty((cells, values.shape[1]), np.int64)
    for cell in range(cells):  # one stretch at a time: each row is read about once, no big copy
        first, last = int(rows[cell]), int(rows[cell + 1])
        total = values[first:last].sum(axis=0, dtype=np.int64) * cells
        total -= values[first].astype(np.int64) * int(parts[cell])
        if parts[cell + 1]:
            total += values[last].astype(np.int64) * int(parts[cell + 1])
        sums[cell] = total
    return sums
