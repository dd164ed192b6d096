"""Reads, checks and writes the chunks of a PNG file.

Files are checked here before an image decoder reads them, because decoders trust the file too much.
Pillow skips the checksums of the pixels. The image decoders of imagecodecs 2026.3 lose a reference
to None at each failure; after many failures, a Python 3.11 process crashes. The deflate decoder of
imagecodecs does not have this fault.
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
_UP = 2  # the filter that stores the difference to the row above
_HEADER_BYTES = 13
MAX_ROW_BYTES = 1024**3  # far more than a film of 64 megapixels needs
_LAST_FILTER = 4  # filters are numbered 0 to 4; 0 means no filter
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type; a palette (3) has no 16-bit form


Samples = npt.NDArray[np.uint8 | np.uint16]


class PngHeader(NamedTuple):
    """The fields in the first 33 bytes of a PNG."""

    height: int
    width: int
    depth: int
    colour: int
    interlaced: bool


def read_png_header(data: bytes) -> PngHeader | None:
    """Return size, bit depth and colour type without decoding; None if the bytes are no PNG."""
    if len(data) < 33 or data[:8] != SIGNATURE or data[12:16] != b"IHDR":
        return None
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    return PngHeader(height, width, depth, colour, data[28] != 0)


def is_png_whole(data: bytes) -> bool:
    """Say whether no chunk is missing, all checksums are right, and there is exactly one header."""
    kinds = []
    for kind, body, checksum in _chunks(data):
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            return False
        kinds.append(kind)
    return kinds[:1] == [b"IHDR"] and kinds[-1:] == [b"IEND"] and kinds.count(b"IHDR") == 1


def inflate_rows(data: bytes, header: PngHeader) -> npt.NDArray[np.uint8] | None:
    """Return the rows of a PNG `(H, 1 + n) uint8`. The first byte of a row names its filter.

    Returns None if the rows do not match the header, and for a palette or interlacing. Other
    threads can run Python while the rows are inflated.
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


def undo_up(rows: npt.NDArray[np.uint8], header: PngHeader) -> Samples | None:
    """Return the values of a grey PNG `(H, W)` whose rows below the first are all filtered "up".

    This is the filter of our own encoder. Other filters return None.
    """
    if header.colour != 0 or header.depth not in (8, 16):
        return None
    if rows[0, 0] not in (0, _UP) or (rows[1:, 0] != _UP).any():
        return None
    values = np.ascontiguousarray(rows[:, 1:])
    for row in range(1, len(values)):  # add.accumulate is four times slower on rows
        np.add(values[row - 1], values[row], out=values[row])
    return values if header.depth == 8 else values.view(">u2").astype(np.uint16)


def repack(rows: npt.NDArray[np.uint8], header: PngHeader) -> bytes:
    """Rebuild a PNG from its header and rows, so that no decoder fails on it."""
    return write_png(header, bytes(imagecodecs.deflate_encode(rows.tobytes(), level=0)))


def checked_rows(data: bytes, header: PngHeader) -> npt.NDArray[np.uint8] | None:
    """Return the rows of a PNG of 8 or 16 bits, as `inflate_rows` does.

    Returns None if the rows cannot be read here, or if a chunk holds transparency.
    """
    if header.depth == 8 and any(kind == b"tRNS" for kind, _, _ in _chunks(data)):
        return None
    return inflate_rows(data, header) if header.depth in (8, 16) else None


def holds_only_rows(data: bytes, header: PngHeader) -> bool:
    """Say whether a PNG without interlacing holds nothing but its header and its rows.

    Text may stand in other chunks, in a longer header, behind the end, behind the last row, or
    behind the deflated rows. Palettes have no rows here.
    """
    chunks = list(_chunks(data))
    kinds = [kind for kind, _, _ in chunks]
    size = len(SIGNATURE) + sum(12 + len(body) for _, body, _ in chunks)
    is_plain = kinds == [b"IHDR", *[b"IDAT"] * (len(kinds) - 2), b"IEND"] and size == len(data)
    if not is_plain or len(chunks[0][1]) != _HEADER_BYTES or len(chunks[-1][1]) > 0:
        return False
    if header.colour not in _CHANNELS or header.interlaced:
        return False
    stride = 1 + (header.depth * _CHANNELS[header.colour] * header.width + 7) // 8
    inflater = zlib.decompressobj()
    try:
        rows = inflater.decompress(b"".join(body for _, body, _ in chunks[1:-1]), MAX_ROW_BYTES)
    except zlib.error:
        return False
    return inflater.eof and not inflater.unused_data and len(rows) == stride * header.height


def write_png(header: PngHeader, body: bytes) -> bytes:
    """Return a plain PNG of deflated rows, without time or metadata."""
    fields = (header.width, header.height, header.depth, header.colour, 0, 0, header.interlaced)
    first = struct.pack(">IIBBBBB", *fields)
    chunks = (b"IHDR", first), (b"IDAT", body), (b"IEND", b"")
    return b"".join((SIGNATURE, *(part for chunk in chunks for part in _chunk(*chunk))))


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield kind, body and checksum of each complete chunk, up to the last one."""
    view, start = memoryview(data), len(SIGNATURE)
    while start + 12 <= len(view):
        (length,) = struct.unpack(">I", view[start : start + 4])
        end = start + 8 + length
        if end + 4 > len(view):
            return
        kind = bytes(view[start + 4 : start + 8])
        yield kind, view[start + 8 : end], struct.unpack(">I", view[end : end + 4])[0]
        if kind == b"IEND":
            return
        start = end + 4


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, ...]:
    """Return the parts of a chunk. They are joined later, to copy a large `body` only once."""
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)
