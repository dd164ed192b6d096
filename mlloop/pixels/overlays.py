"""Films with masks and maps laid over them, as colour pictures for people.

No figure is made from them. Pictures are `(H, W, 3) uint8`; the same film and map give the same
bytes.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from mlloop.pixels.images import apply_window, decode_image, default_window
from mlloop.pixels.masks import BoolArray, ByteArray, upsample_p8
from mlloop.pixels.png_chunks import PngHeader, write_png

Rgb = npt.NDArray[np.uint8]
EXPERT = (64, 200, 190)
NETWORK = (240, 120, 40)
_RGB = 2  # the colour type of a PNG
_STRONGEST = 0.6
# From clear through red to yellow: read without a legend, and apart from a grey film.
_HEAT = np.array([(70, 0, 90), (200, 30, 60), (255, 150, 20), (255, 245, 150)], np.float64)


def film(data: bytes) -> Rgb:
    """Decode an image file and show it through its default window. Raises ImageError."""
    pixels = decode_image(data).pixels
    grey = apply_window(pixels, default_window(pixels))
    return np.repeat(grey[:, :, None], 3, axis=2)


def with_mask(shown: Rgb, mask: BoolArray, colour: tuple[int, int, int]) -> Rgb:
    """Tint a mask `(H, W)` and draw its rim."""
    weight = np.where(_rim(mask), 1.0, np.where(mask, 0.3, 0.0))[:, :, None]
    return _blend(shown, np.broadcast_to(np.array(colour, np.float64), shown.shape), weight)


def with_map(shown: Rgb, p8: ByteArray) -> Rgb:
    """Lay a p8 map `(h, w)` over a film, clear at 0 and strongest at 255."""
    values = upsample_p8(p8, shape=(shown.shape[0], shown.shape[1])) / 255.0
    place = values * (len(_HEAT) - 1)
    low = np.minimum(place.astype(np.int64), len(_HEAT) - 2)
    part = (place - low)[:, :, None]
    colours = _HEAT[low] * (1 - part) + _HEAT[low + 1] * part
    return _blend(shown, colours, (_STRONGEST * np.sqrt(values))[:, :, None])


def encode_rgb(picture: Rgb) -> bytes:
    """Encode a colour picture as PNG, always the same bytes."""
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = picture.reshape(height, -1)
    return write_png(PngHeader(height, width, 8, _RGB, False), zlib.compress(rows.tobytes(), 6))


def _rim(mask: BoolArray) -> BoolArray:
    inner = np.pad(mask, 1)
    core = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    rim: BoolArray = mask & ~core
    return rim


def _blend(shown: Rgb, colours: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]) -> Rgb:
    mixed: Rgb = (shown * (1 - weight) + colours * weight + 0.5).astype(np.uint8)
    return mixed
