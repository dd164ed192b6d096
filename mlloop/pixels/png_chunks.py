"""The chunks of a PNG file: whether they are complete, and the rows inside them.

Files are checked here before an image decoder reads them, because decoders trust the file too much.
Pillow skips the checksums of the pixels. The image decoders of imagecodecs 2026.3 drop a reference
to None at each failure, which in the end kills a Python 3.11 process (its deflate does not).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import imagecodecs
import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LAST_FILTER = 4  # filters are numbered 0 to 4; 0 means no filter
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type; a palette (3) has no 16-bit form


class PngHeader(NamedTuple):
    """The fields in the first 33 bytes of a PNG."""

    height: int
    width: int
    depth: int
    colour: int
    interlaced: bool


def read_png_header(data: bytes) -> PngHeader | None:
    """Read size, bit depth and colour type without decoding; None if the bytes are no PNG."""
    if len(data) < 33 or data[:8] != SIGNATURE or data[12:16] != b"IHDR":
        return None
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    return PngHeader(height, width, depth, colour, data[28] != 0)


def is_png_whole(data: bytes) -> bool:
    """Say whether all chunks are there with right checksums, and exactly one header."""
    kinds = []
    for kind, body, checksum in _chunks(data):
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            return False
        kinds.append(kind)
    return kinds[:1] == [b"IHDR"] and kinds[-1:] == [b"IEND"] and kinds.count(b"IHDR") == 1


def inflate_rows(data: bytes, header: PngHeader) -> npt.NDArray[np.uint8] | None:
    """Return the rows of a PNG `(H, 1 + n) uint8`. The first byte of a row names its filter.

    None if the rows do not match the header, and for a palette or interlacing. The interpreter lock
    is free while it inflates.
    """
    if header.colour not in _CHANNELS or header.interlaced:
        return None
    stride = 1 + (header.depth * _CHANNELS[header.colour] * header.width + 7) // 8
    size = stride * header.height
    packed = b"".join(body for kind, body, _ in _chunks(data) if kind == b"IDAT")
    try:
        # libdeflate takes half of zlib's time for a film. It writes no byte beyond `size`.
        rows = imagecodecs.deflate_decode(packed, out=size)
    except imagecodecs.DeflateError:
        return None
    if len(rows) != size:
        return None
    rows_with_filters = np.frombuffer(rows, np.uint8).reshape(header.height, stride)
    return rows_with_filters if rows_with_filters[:, 0].max() <= _LAST_FILTER else None


def repack(data: bytes, header: PngHeader) -> bytes | None:
    """Rebuild a PNG of 8 or 16 bits from its header and rows, so that no decoder fails on it.

    None if its rows cannot be read here, or if a chunk holds transparency.
    """
    if header.depth == 8 and any(kind == b"tRNS" for kind, _, _ in _chunks(data)):
        return None
    rows = inflate_rows(data, header) if header.depth in (8, 16) else None
    return None if rows is None else write_png(header, zlib.compress(rows.data, 0))


def write_png(header: PngHeader, body: bytes) -> bytes:
    """Return a plain PNG of deflated rows, without time or metadata."""
    fields = (header.width, header.height, header.depth, header.colour, 0, 0, header.interlaced)
    first = struct.pack(">IIBBBBB", *fields)
    chunks = (b"IHDR", first), (b"IDAT", body), (b"IEND", b"")
    return b"".join((SIGNATURE, *(part for chunk in chunks for part in _chunk(*chunk))))


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield kind, body and checksum of each complete chunk, up to the last one."""
    view, at = memoryview(data), len(SIGNATURE)
    while at + 12 <= len(view):
        (length,) = struct.unpack(">I", view[at : at + 4])
        end = at + 8 + length
        if end + 4 > len(view):
            return
        kind = bytes(view[at + 4 : at + 8])
        yield kind, view[at + 8 : end], struct.unpack(">I", view[end : end + 4])[0]
        if kind == b"IEND":
            return
        at = end + 4


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, ...]:
    """Return the parts of a chunk. They are joined later, to copy a large `body` only once."""
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)
