"""Strip a plain grey PNG to what a radiograph needs: header, pixels, end.

Text, colour profiles and bytes after the end are dropped, as they may name a patient. No pixel is
decoded here: the caller has decoded the file, so its lengths and checksums are right.
"""

from __future__ import annotations

from mlloop.pixels.png_chunks import read_png_header

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"IDAT", b"IEND")
# A grey PNG with one of these decodes to other pixels than its IDAT alone.
_MEANINGFUL = (b"tRNS", b"PLTE", b"acTL")


def without_extras(data: bytes) -> bytes | None:
    """Return the PNG with nothing but its pixels, or None if it is no plain grey PNG."""
    header = read_png_header(data)
    if header is None or header.colour != 0 or header.depth not in (8, 16) or data[28] != 0:
        return None
    kept = [_SIGNATURE]
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind in _MEANINGFUL or end > len(data):
            return None
        if kind in _KEPT:
            kept.append(data[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    return None
