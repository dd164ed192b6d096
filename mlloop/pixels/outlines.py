"""Masks drawn as outlines over a radiograph, for people who look for what went wrong."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from mlloop.pixels.masks import BoolArray, ByteArray
from mlloop.pixels.png_chunks import PngHeader, write_png

Colour = tuple[int, int, int]


def outline(mask: BoolArray) -> BoolArray:
    """Return the pixels of a mask `(H, W) bool` that touch a pixel outside it, or the border."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: BoolArray = mask & ~inner
    return edge


def overlay_png(film: ByteArray, outlines: Sequence[tuple[BoolArray, Colour]]) -> bytes:
    """Draw the outlines of masks of any size over `film (h, w) uint8`; return a colour PNG.

    The later ones lie on top. Lines are two pixels wide, so that they survive a small screen.
    """
    picture = np.repeat(film[:, :, None], 3, axis=2)
    for mask, colour in outlines:
        small = _at_size(mask, (film.shape[0], film.shape[1]))
        edge = outline(small)
        picture[edge | (small & outline(small & ~edge))] = colour
    rows = picture.reshape(film.shape[0], -1)
    filtered = np.pad(rows, ((0, 0), (1, 0)))  # each row begins with its filter: none
    header = PngHeader(film.shape[0], film.shape[1], 8, 2, False)
    return write_png(header, zlib.compress(filtered.tobytes(), 6))


def _at_size(mask: BoolArray, shape: tuple[int, int]) -> BoolArray:
    """Take the pixel under the middle of each of the smaller picture's."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(shape, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]
