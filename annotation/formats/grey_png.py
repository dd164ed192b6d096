"""Strip a plain grey PNG to its header, pixels and end.

Text, colour profiles and bytes after the end are dropped, because they may name a patient. No pixel
is decoded here: the caller has decoded the file, so its lengths and checksums are right.
"""

from __future__ import annotations

from mlloop.pixels.png_chunks import read_png_header

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"IDAT", b"IEND")
# A grey PNG with one of these decodes to other pixels than its IDAT alone.
_MEANINGFUL = (b"tRNS", b"PLTE", b"acTL")


def without_extras(data: bytes) -> bytes | None:
    """Return the PNG with only its pixels, or None if it is not a plain grey PNG."""
    header = read_png_header(data)
    if header is None or header.colour != 0 or header.depth not in (8, 16) or header.interlaced:
        return None
    kept = [_SIGNATURE]
    start = len(_SIGNATURE)
    while start + 12 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        kind = data[start + 4 : start + 8]
        if kind in _MEANINGFUL or end > len(data):
            return None
        if kind in _KEPT:
            kept.append(data[start:end])
        if kind == b"IEND":
            return b"".join(kept)
        start = end
    return None
