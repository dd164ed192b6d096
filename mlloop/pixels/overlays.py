"""Films with masks and maps drawn over them, as colour pictures for people.

No figure is computed from them. Pictures are `(H, W, 3) uint8`; the same film and map give the same
bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mlloop.pixels.arrays import BoolArray, ByteArray, Float64Array
from mlloop.pixels.images import apply_window, decode_image, default_window
from mlloop.pixels.png_chunks import PngHeader, write_png
from mlloop.pixels.raster import upsample_p8

Rgb = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
EXPERT_COLOUR: Colour = (64, 200, 190)
NETWORK_COLOUR: Colour = (240, 120, 40)
_RGB = 2  # the colour type of a PNG
_STRONGEST = 0.6  # the opacity of a map at 255
# From dark through red to yellow: readable without a legend, and distinct from a grey film.
_HEAT = np.array([(70, 0, 90), (200, 30, 60), (255, 150, 20), (255, 245, 150)], np.float64)


def decode_film(data: bytes) -> Rgb:
    """Decode an image file and show it through its default window. Raises ImageError."""
    pixels = decode_image(data).pixels
    return _grey_to_rgb(apply_window(pixels, default_window(pixels)))


def overlay_mask(picture: Rgb, mask: BoolArray, colour: Colour) -> Rgb:
    """Return the picture with a mask `(H, W)` tinted and its outline drawn."""
    weight = np.where(find_outline(mask), 1.0, np.where(mask, 0.3, 0.0))[:, :, None]
    return _blend(picture, np.broadcast_to(np.array(colour, np.float64), picture.shape), weight)


def overlay_map(picture: Rgb, p8: ByteArray) -> Rgb:
    """Return the picture with a p8 map `(h, w)` over it, transparent at 0 and strongest at 255."""
    values = upsample_p8(p8, shape=(picture.shape[0], picture.shape[1])) / 255.0
    place = values * (len(_HEAT) - 1)
    low = np.minimum(place.astype(np.int64), len(_HEAT) - 2)
    part = (place - low)[:, :, None]
    colours = _HEAT[low] * (1 - part) + _HEAT[low + 1] * part
    return _blend(picture, colours, (_STRONGEST * np.sqrt(values))[:, :, None])


def find_outline(mask: BoolArray) -> BoolArray:
    """Return the pixels of a mask `(H, W) bool` that touch a pixel outside it, or the border."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: BoolArray = mask & ~inner
    return edge


def draw_outlines(film: ByteArray, outlines: Sequence[tuple[BoolArray, Colour]]) -> bytes:
    """Draw the outlines of masks of any size over `film (h, w) uint8`; return a colour PNG.

    Later outlines cover earlier ones. Lines are two pixels wide, so that a small screen shows them.
    """
    picture = _grey_to_rgb(film)
    for mask, colour in outlines:
        small = _resize_mask(mask, (film.shape[0], film.shape[1]))
        edge = find_outline(small)
        picture[edge | (small & find_outline(small & ~edge))] = colour
    return encode_rgb(picture)


def encode_rgb(picture: Rgb) -> bytes:
    """Encode a colour picture as PNG, always the same bytes."""
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # a first byte of 0 means: no filter
    rows[:, 1:] = picture.reshape(height, -1)
    return write_png(PngHeader(height, width, 8, _RGB, False), zlib.compress(rows.tobytes(), 6))


def _grey_to_rgb(grey: ByteArray) -> Rgb:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _resize_mask(mask: BoolArray, shape: tuple[int, int]) -> BoolArray:
    """Return the mask at another size: each new pixel takes the value at its centre."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(shape, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]


def _blend(picture: Rgb, colours: Float64Array, weight: Float64Array) -> Rgb:
    mixed: Rgb = (picture * (1 - weight) + colours * weight + 0.5).astype(np.uint8)
    return mixed
