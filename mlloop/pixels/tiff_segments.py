"""Decodes the pixels of one TIFF page, segment by segment. tifffile reads only the tags.

The decoders of tifffile (imagecodecs 2026.3) crash the process on some damaged LZW data, and may
take gigabytes for a small file. Here zlib inflates up to a limit, and libtiff (in Pillow) decodes
LZW and PackBits. Memory holds only the image and one segment.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import TiffImagePlugin

NONE, LZW, PACKBITS = 1, 5, 32773
DEFLATE = (8, 32946)
COMPRESSIONS = (NONE, LZW, PACKBITS, *DEFLATE)

_SHORT, _LONG = 3, 4
_HORIZONTAL = 2  # the predictor that stores differences of neighbours in a row

Samples = npt.NDArray[np.uint8 | np.uint16]


class TiffDamage(ValueError):
    """The segments do not match the tags."""


class _Layout(NamedTuple):
    """How a page is cut into segments: sizes in pixels, and samples per pixel in one segment."""

    rows: int
    columns: int
    down: int
    across: int
    planes: int
    samples: int
    bits: int
    order: str


def read_samples(page: tifffile.TiffPage, data: bytes) -> Samples:
    """Decode a page of 1, 8 or 16 bits to `(H, W, S)`; 1 bit gives 0 and 1. Raises TiffDamage."""
    layout = _layout(page)
    per_plane = layout.down * layout.across
    if len(page.dataoffsets) != per_plane * layout.planes:
        raise TiffDamage("the number of segments is wrong")
    kind = np.uint16 if layout.bits == 16 else np.uint8
    shape = (page.imagelength, page.imagewidth, layout.planes * layout.samples)
    out: Samples = np.zeros(shape, kind)
    for index, packed in enumerate(_segments(page, data)):
        plane, place = divmod(index, per_plane)
        top = place // layout.across * layout.rows
        left = place % layout.across * layout.columns
        # The last strip may be shorter. The last tile is whole and reaches over the edge.
        rows = layout.rows if page.is_tiled else min(layout.rows, page.imagelength - top)
        segment = _unpack(_inflate(packed, rows, layout, int(page.compression)), rows, layout)
        if page.predictor == _HORIZONTAL:
            segment = np.cumsum(segment, axis=1, dtype=kind)
        target = out[top : top + rows, left : left + layout.columns]
        channels = slice(plane * layout.samples, (plane + 1) * layout.samples)
        target[..., channels] = segment[: target.shape[0], : target.shape[1]]
    return out


def _layout(page: tifffile.TiffPage) -> _Layout:
    height, width = page.imagelength, page.imagewidth
    rows, columns = min(page.rowsperstrip, height), width
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    separate = int(page.planarconfig) == 2
    known = page.predictor in (1, _HORIZONTAL) and (page.bitspersample != 1 or page.predictor == 1)
    if rows < 1 or columns < 1 or not known:
        raise TiffDamage("the segments have no size, or a predictor that is not read")
    return _Layout(
        rows=rows,
        columns=columns,
        down=-(-height // rows),
        across=-(-width // columns),
        planes=page.samplesperpixel if separate else 1,
        samples=1 if separate else page.samplesperpixel,
        bits=page.bitspersample,
        order=page.parent.byteorder,
    )


def _stride(layout: _Layout) -> int:
    """Return the number of bytes in one row of a segment."""
    return (layout.columns * layout.samples * layout.bits + 7) // 8


def _segments(page: tifffile.TiffPage, data: bytes) -> Iterator[bytes]:
    for start, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        if start + length > len(data):
            raise TiffDamage("a segment ends after the file")
        yield data[start : start + length]


def _inflate(packed: bytes, rows: int, layout: _Layout, compression: int) -> bytes:
    size = rows * _stride(layout)
    if compression in DEFLATE:
        try:
            raw = zlib.decompressobj().decompress(packed, size)
        except zlib.error as failure:
            raise TiffDamage("a segment cannot be inflated") from failure
    elif compression == NONE:
        raw = packed[:size]
    else:
        raw = _by_libtiff(packed, rows, _stride(layout), compression)
    if len(raw) != size:
        raise TiffDamage("a segment is too short")
    return raw


def _by_libtiff(packed: bytes, rows: int, stride: int, compression: int) -> bytes:
    """Decompress one segment with libtiff, as an 8-bit grey TIFF of its own."""
    tags = (
        (256, _LONG, stride),
        (257, _LONG, rows),
        (258, _SHORT, 8),
        (259, _SHORT, compression),
        (262, _SHORT, 1),
        (273, _LONG, 8 + 2 + 9 * 12 + 4),
        (277, _SHORT, 1),
        (278, _LONG, rows),
        (279, _LONG, len(packed)),
    )
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    with TiffImagePlugin.TiffImageFile(io.BytesIO(head + packed)) as opened:
        return np.asarray(opened).tobytes()


def _unpack(raw: bytes, rows: int, layout: _Layout) -> Samples:
    if layout.bits == 1:
        packed = np.frombuffer(raw, np.uint8).reshape(rows, _stride(layout))
        bits = np.unpackbits(packed, axis=1, count=layout.columns * layout.samples)
        return bits.reshape(rows, layout.columns, layout.samples)
    kind = np.dtype(np.uint8) if layout.bits == 8 else np.dtype(f"{layout.order}u2")
    samples = np.frombuffer(raw, kind).reshape(rows, layout.columns, layout.samples)
    return samples.astype(kind.newbyteorder("="), copy=False)
