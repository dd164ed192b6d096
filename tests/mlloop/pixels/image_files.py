"""Radiographs as files, made on the spot: every format that is read, and a refusal."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mlloop.pixels.images import ImageError, decode_image

DAMAGED = "The file is damaged or cut short."
GENERATOR = np.random.default_rng(6)
GREY8 = GENERATOR.integers(0, 256, (40, 57), dtype=np.uint8)
GREY16 = GENERATOR.integers(0, 65536, (40, 57), dtype=np.uint16)
RGB8 = GENERATOR.integers(0, 256, (40, 57, 3), dtype=np.uint8)
RGB16 = GENERATOR.integers(0, 65536, (40, 57, 3), dtype=np.uint16)


def saved(image: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(stream, kind, **options)
    return stream.getvalue()


def tiff(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    file_options = {name: options.pop(name) for name in ("byteorder", "bigtiff") if name in options}
    with tifffile.TiffWriter(stream, **file_options) as writer:
        writer.write(array, metadata=None, **options)
    return stream.getvalue()


def luminance(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def png_header(width: int, height: int) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + body))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + body + checksum


def smooth(height: int, width: int, *, top: float = 60_000, dtype: type = np.uint16) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = 2 + np.sin(9 * x) + np.cos(7 * y + 3 * x)
    return (waves / 4 * top).astype(dtype)


def refusal(data: bytes, **options: object) -> tuple[str, str]:
    with pytest.raises(ImageError) as caught:
        decode_image(data, **options)
    assert str(caught.value) == caught.value.sentence
    return caught.value.code, caught.value.sentence


GREY_FILES = {
    "png8": (saved(GREY8), GREY8),
    "png16": (saved(GREY16), GREY16),
    "png16_imagecodecs": (imagecodecs.png_encode(GREY16), GREY16),
    "tiff8": (tiff(GREY8), GREY8),
    "tiff16_little": (tiff(GREY16, byteorder="<"), GREY16),
    "tiff16_big": (tiff(GREY16, byteorder=">"), GREY16),
    "tiff16_bigtiff": (tiff(GREY16, bigtiff=True), GREY16),
    "tiff16_deflate": (tiff(GREY16, compression="zlib", predictor=True), GREY16),
    "tiff16_lzw": (tiff(GREY16, compression="lzw"), GREY16),
    "tiff8_packbits": (tiff(GREY8, compression="packbits"), GREY8),
    "tiff16_tiles": (tiff(GREY16, tile=(16, 32)), GREY16),
    "tiff16_lzw_tiles": (
        tiff(GREY16, compression="lzw", predictor=True, tile=(32, 16), byteorder=">"),
        GREY16,
    ),
    "tiff1_packbits": (
        tiff(GREY8 > 99, compression="packbits", photometric="minisblack", rowsperstrip=9),
        (GREY8 > 99) * np.uint8(255),
    ),
    "tiff_rgb16_deflate_plane_tiles": (
        tiff(
            np.stack([GREY16] * 3),
            photometric="rgb",
            planarconfig="separate",
            compression="zlib",
            predictor=True,
            tile=(16, 16),
        ),
        GREY16,
    ),
    "tiff16_strips": (tiff(GREY16, rowsperstrip=7), GREY16),
    "tiff8_inverted": (tiff(255 - GREY8, photometric="miniswhite"), GREY8),
    "tiff16_inverted": (tiff(65535 - GREY16, photometric="miniswhite"), GREY16),
    "tiff8_pillow": (saved(GREY8, "TIFF"), GREY8),
    "png1": (saved(GREY8 > 99), (GREY8 > 99) * np.uint8(255)),
    "tiff1": (tiff(GREY8 > 99, photometric="minisblack"), (GREY8 > 99) * np.uint8(255)),
    "tiff1_inverted": (tiff(GREY8 <= 99, photometric="miniswhite"), (GREY8 > 99) * np.uint8(255)),
    "png_rgb_grey": (saved(np.dstack([GREY8] * 3)), GREY8),
    "png_rgb16_grey": (imagecodecs.png_encode(np.dstack([GREY16] * 3)), GREY16),
    "png_rgba_opaque": (saved(np.dstack([GREY8] * 3 + [np.full_like(GREY8, 255)])), GREY8),
    "png_palette": (saved(Image.fromarray(GREY8).convert("P")), GREY8),
    "tiff_rgb16_grey": (tiff(np.dstack([GREY16] * 3), photometric="rgb"), GREY16),
    "tiff_rgb_planes": (
        tiff(np.stack([GREY8] * 3), photometric="rgb", planarconfig="separate"),
        GREY8,
    ),
}
