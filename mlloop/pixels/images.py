"""Radiographs as pixels: decoding, windows, previews, hashes and the input of the networks.

A decoded image is one grey plane of 8 or 16 bits. Any other file is refused with an ImageError,
whose sentence says why.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from mlloop.pixels.image_formats import AnyPixels, ImageError, Limits, RawImage, read_raw_image
from mlloop.pixels.masks import decode_mask, wrap_grey_png
from mlloop.pixels.raster import area_sums

__all__ = [
    "FULL_WINDOW",
    "MAX_PIXELS",
    "MIN_SIDE",
    "DecodedImage",
    "ImageError",
    "Window",
    "apply_window",
    "decode_image",
    "default_window",
    "encode_pixels",
    "hash_distance",
    "load_mask_target",
    "load_network_input",
    "network_input",
    "perceptual_hash",
    "preview8",
    "preview_side",
    "thumbnail",
]

MAX_PIXELS = 64_000_000
MIN_SIDE = 32
PREVIEW_SIDE = 1024
THUMBNAIL_SIDE = 160
_SMALL_FILM = 512
_PNG_FILTER_UP = 2
# The 8 lowest frequencies of a cosine transform (DCT) of 32 values.
_COSINES = np.cos(np.pi / 64.0 * np.outer(np.arange(8), 2 * np.arange(32) + 1))
_ROWS_AT_ONCE = 256  # 64-bit integers for a whole 64-megapixel image would take 2 GB
_LOW_PERCENTILE, _HIGH_PERCENTILE = 0.5, 99.5


class Window(NamedTuple):
    """The grey values shown from black to white, in DICOM's terms."""

    center: float
    width: float


FULL_WINDOW = Window(127.5, 255.0)  # shows an 8-bit plane as it is


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """One radiograph: `pixels (H, W) uint8 | uint16`, and the sha256 of type, shape and pixels."""

    pixels: AnyPixels
    bits: int
    sha256: str

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])


def decode_image(
    data: bytes, *, name: str = "", max_pixels: int = MAX_PIXELS, min_side: int = MIN_SIDE
) -> DecodedImage:
    """Decode a PNG, JPEG or TIFF file to one grey plane. Raises ImageError(code, sentence).

    RGB becomes luminance; three equal values give exactly that value. Transparent pixels are shown
    over black. An inverted TIFF (MinIsWhite) is inverted, so that high is bright.
    """
    grey = _to_grey(read_raw_image(data, name=name, limits=Limits(max_pixels, min_side)))
    return DecodedImage(grey, grey.dtype.itemsize * 8, _pixel_hash(grey))


def encode_pixels(pixels: AnyPixels) -> bytes:
    """Encode `(H, W) uint8 | uint16` as a grey PNG of the same depth, without loss."""
    # The "up" filter and libdeflate make files as small as libpng's in a quarter of the time.
    rows = pixels.astype(">u2").view(np.uint8) if pixels.dtype == np.uint16 else pixels
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _PNG_FILTER_UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    body = bytes(imagecodecs.deflate_encode(filtered.tobytes(), level=1))
    return wrap_grey_png(body, shape=pixels.shape, depth=8 * pixels.dtype.itemsize)


def default_window(pixels: AnyPixels) -> Window:
    """Return the window that spans the 0.5 to 99.5 percentile of all pixels."""
    cumulated = np.cumsum(_histogram(pixels))
    ranks = np.array([_LOW_PERCENTILE, _HIGH_PERCENTILE]) / 100.0 * cumulated[-1]
    low, high = (float(value) for value in np.searchsorted(cumulated, ranks))
    width = max(high - low, 1.0)
    return Window(low + width / 2.0, width)


def apply_window(pixels: AnyPixels, window: Window) -> npt.NDArray[np.uint8]:
    """Show `(H, W)` pixels through a window as `(H, W) uint8`, black below it and white above."""
    if pixels.dtype == np.uint8 and window == FULL_WINDOW:
        return pixels.astype(np.uint8, copy=False)
    values = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=np.float64)
    low = window.center - window.width / 2.0
    shown = np.clip((values - low) / window.width, 0.0, 1.0) * 255.0 + 0.5
    table = shown.astype(np.uint8)
    if pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(pixels).point(table.tolist()))
    shown_pixels: npt.NDArray[np.uint8] = np.take(table, pixels, mode="clip")
    return shown_pixels


def preview_side(pixels: AnyPixels) -> int:
    """Return the longest side of a film's preview, at most 1024 pixels.

    A preview is shown while its film is loaded. Of a small film it has half the sides, because a
    preview with as many pixels as the film would only delay the film.
    """
    longest = int(max(pixels.shape))
    return longest if longest <= _SMALL_FILM else min(PREVIEW_SIDE, max(_SMALL_FILM, longest // 2))


def preview8(
    pixels: AnyPixels, *, window: Window | None = None, side: int = PREVIEW_SIDE
) -> npt.NDArray[np.uint8]:
    """Return the windowed 8-bit image, its long side at most `side`; never enlarged."""
    shown = apply_window(pixels, window or default_window(pixels))
    height, width = shown.shape
    scale = side / max(height, width)
    if scale >= 1.0:
        return shown
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # A gap of 1 averages whole blocks of pixels first, which takes a third of the time.
    small = Image.fromarray(shown).resize(size, Image.Resampling.HAMMING, reducing_gap=1.0)
    return np.asarray(small)


def thumbnail(pixels: AnyPixels, *, window: Window | None = None) -> npt.NDArray[np.uint8]:
    """Return the windowed 8-bit image, its long side at most 160 pixels."""
    return preview8(pixels, window=window, side=THUMBNAIL_SIDE)


def perceptual_hash(pixels: AnyPixels, *, window: Window | None = None) -> str:
    """Return a 64-bit perceptual hash as 16 hex digits; similar images differ in few bits.

    The image is averaged to 32x32. A bit says whether one of its 8x8 lowest frequencies is above
    their median ("pHash").
    """
    shown = Image.fromarray(apply_window(pixels, window or default_window(pixels)))
    small = np.asarray(shown.resize((32, 32), Image.Resampling.BOX), dtype=np.float64)
    low = _COSINES @ small @ _COSINES.T
    return np.packbits(low > np.median(low)).tobytes().hex()


def hash_distance(first: str, second: str) -> int:
    """Count the bits, 0 to 64, in which two perceptual hashes differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def network_input(pixels: AnyPixels, grid: int) -> npt.NDArray[np.float32]:
    """Average `(H, W)` pixels to `(grid, grid)` and scale the percentile window to 0..1 float32.

    The percentiles are computed from the averaged cells, so bright markers and noise count less.
    """
    height, width = pixels.shape
    mean = area_sums(pixels, grid=(grid, grid)) / float(height * width)
    low, high = np.percentile(mean, (_LOW_PERCENTILE, _HIGH_PERCENTILE))
    scaled: npt.NDArray[np.float64] = np.clip((mean - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    return scaled.astype(np.float32)


def load_network_input(path: Path | str, grid: int) -> npt.NDArray[np.float32]:
    """Read an image file as a network sees it: `(grid, grid) float32` in 0..1.

    Raises ImageError. It computes no pixel hash, because it runs for each image of each epoch.
    """
    raw = read_raw_image(Path(path).read_bytes(), name="", limits=Limits(MAX_PIXELS, 1))
    return network_input(_to_grey(raw), grid)


def load_mask_target(path: Path | str, grid: int) -> npt.NDArray[np.float32]:
    """Read a mask file as the covered share of each cell: `(grid, grid) float32` in 0..1.

    Raises MaskError.
    """
    mask = decode_mask(Path(path).read_bytes())
    covered = area_sums(mask, grid=(grid, grid)) / float(mask.shape[0] * mask.shape[1])
    return covered.astype(np.float32)


def _histogram(pixels: AnyPixels) -> npt.NDArray[np.int64]:
    if pixels.dtype == np.uint8:
        return np.array(Image.fromarray(pixels).histogram(), np.int64)
    histogram = np.zeros(np.iinfo(pixels.dtype).max + 1, np.int64)
    for start in range(0, len(pixels), _ROWS_AT_ONCE):
        rows = pixels[start : start + _ROWS_AT_ONCE]
        histogram += np.bincount(rows.ravel(), minlength=histogram.size)
    return histogram


def _pixel_hash(pixels: AnyPixels) -> str:
    kind = "u1" if pixels.dtype == np.uint8 else "<u2"
    digest = hashlib.sha256(f"{kind}:{pixels.shape[0]}x{pixels.shape[1]}:".encode())
    digest.update(np.ascontiguousarray(pixels, dtype=kind).data)
    return digest.hexdigest()


def _to_grey(raw: RawImage) -> AnyPixels:
    pixels = raw.pixels
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    grey = np.empty(pixels.shape[:2], pixels.dtype)
    for start in range(0, len(pixels), _ROWS_AT_ONCE):
        stop = start + _ROWS_AT_ONCE
        grey[start:stop] = _grey_rows(pixels[start:stop], full=2**raw.bits - 1)
    return grey


def _grey_rows(rows: AnyPixels, *, full: int) -> npt.NDArray[np.int64]:
    colour = rows.astype(np.int64)
    grey = colour[..., 0]
    if rows.shape[2] >= 3:
        # BT.601 weights in whole numbers: equal channels give exactly their own value.
        grey = (299 * grey + 587 * colour[..., 1] + 114 * colour[..., 2] + 500) // 1000
    if rows.shape[2] in (2, 4):
        grey = (grey * colour[..., -1] + full // 2) // full
    return grey
