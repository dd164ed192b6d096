"""The chunks of a PNG file: whether they are all there, and the rows inside them.

Looks at the container only. Decoders trust the container too much: Pillow skips the checksums of
the pixels, and imagecodecs 2026.3 drops a reference to None at each failure, which in the end kills
a Python 3.11 process. So files are checked here before any decoder sees them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type; a palette (3) has no 16-bit form


class PngHeader(NamedTuple):
    """What the first 33 bytes of a PNG say."""

    height: int
    width: int
    depth: int
    colour: int
    interlaced: bool


def read_png_header(data: bytes) -> PngHeader | None:
    """Read size, bit depth and colour type without decoding; None where the bytes are no PNG."""
    if len(data) < 33 or data[:8] != SIGNATURE or data[12:16] != b"IHDR":
        return None
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    return PngHeader(height, width, depth, colour, data[28] != 0)


def is_png_whole(data: bytes) -> bool:
    """Tell whether every chunk to the last is there, with its checksum and one header only."""
    kinds = []
    for kind, body, checksum in _chunks(data):
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            return False
        kinds.append(kind)
    return kinds[:1] == [b"IHDR"] and kinds[-1:] == [b"IEND"] and kinds.count(b"IHDR") == 1


def repack(data: bytes, header: PngHeader) -> bytes | None:
    """Rebuild a PNG of 8 or 16 bits from its header and rows alone: no decoder can fail on it.

    None where the rows are not what the header promises, and for the forms that need more than
    their rows: a palette, transparency, interlacing. The interpreter is free while it inflates.
    """
    if header.colour not in _CHANNELS or header.depth not in (8, 16) or header.interlaced:
        return None
    if header.depth == 8 and any(kind == b"tRNS" for kind, _, _ in _chunks(data)):
        return None
    stride = 1 + header.depth // 8 * _CHANNELS[header.colour] * header.width
    packed = b"".join(body for kind, body, _ in _chunks(data) if kind == b"IDAT")
    try:
        rows = zlib.decompressobj().decompress(packed, stride * header.height + 1)
    except zlib.error:
        return None
    if len(rows) != stride * header.height or max(rows[::stride]) > 4:  # 0 to 4: the row filters
        return None
    return write_png(header, zlib.compress(rows, 0))


def write_png(header: PngHeader, body: bytes) -> bytes:
    """Put the chunks of a plain PNG around its deflated rows: no clock, no metadata."""
    fields = (header.width, header.height, header.depth, header.colour, 0, 0, header.interlaced)
    first = struct.pack(">IIBBBBB", *fields)
    return SIGNATURE + _chunk(b"IHDR", first) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


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


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
