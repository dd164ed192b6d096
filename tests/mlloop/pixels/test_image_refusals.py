"""Files that cannot be taken: refused by a sentence, at no cost of memory or process."""

from __future__ import annotations

import contextlib
import gc
import io
import struct
import sys
import tracemalloc
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mlloop.pixels.images import ImageError, decode_image
from mlloop.pixels.png_chunks import read_png_header, write_png
from tests.mlloop.pixels.image_files import (
    DAMAGED,
    GREY8,
    GREY_FILES,
    RGB8,
    RGB16,
    png_header,
    refusal,
    saved,
    smooth,
    tiff,
)

FLOATS = "The TIFF file holds floating-point values; save it as 8-bit or 16-bit whole numbers."
REFUSALS = {
    "empty": (b"", "empty_file", "The file is empty."),
    "text": (b"patient,view\n" * 40, "not_an_image", "This is not a PNG, JPEG or TIFF file."),
    "bmp": (saved(GREY8, "BMP"), "not_an_image", "This is not a PNG, JPEG or TIFF file."),
    "gif": (saved(GREY8, "GIF"), "not_an_image", "This is not a PNG, JPEG or TIFF file."),
    "dicom": (
        b"\0" * 128 + b"DICM" + b"\0" * 40,
        "dicom",
        "DICOM is not read yet; export the radiograph as PNG or TIFF.",
    ),
    "pages": (
        tiff(np.stack([GREY8, GREY8, GREY8]), photometric="minisblack"),
        "many_pages",
        "The TIFF file has 3 pages; one is expected.",
    ),
    "float": (tiff(GREY8.astype(np.float32)), "float_pixels", FLOATS),
    "half_float": (tiff(GREY8.astype(np.float16)), "float_pixels", FLOATS),
    "signed": (
        tiff(GREY8.astype(np.int16)),
        "unsupported_pixels",
        "The TIFF file holds signed values; 8-bit and 16-bit whole numbers are read.",
    ),
    "32_bit": (
        tiff(GREY8.astype(np.uint32)),
        "unsupported_pixels",
        "The TIFF file holds 32-bit values; 8-bit and 16-bit whole numbers are read.",
    ),
    "jpeg_in_tiff": (
        tiff(GREY8, compression="jpeg"),
        "unsupported_compression",
        "The TIFF file uses a compression that is not read; save it with LZW, Deflate or none.",
    ),
    "cmyk_tiff": (
        tiff(np.dstack([RGB8, GREY8]), photometric="separated"),
        "unsupported_colour",
        "The TIFF file is not grey, RGB or palette; save it as grey.",
    ),
    "small_png": (
        saved(GREY8[:31]),
        "too_small",
        "The image is 57×31; each side needs at least 32 pixels.",
    ),
    "small_jpeg": (
        saved(GREY8[:, :20], "JPEG"),
        "too_small",
        "The image is 20×40; each side needs at least 32 pixels.",
    ),
    "small_tiff": (
        tiff(GREY8[:8]),
        "too_small",
        "The image is 57×8; each side needs at least 32 pixels.",
    ),
    "png_without_data": (png_header(64, 64), "truncated", DAMAGED),
    "png_signature": (b"\x89PNG\r\n\x1a\n", "truncated", DAMAGED),
    "jpeg_start": (b"\xff\xd8\xff\xe0", "truncated", DAMAGED),
    "tiff_start": (b"II*\0", "truncated", DAMAGED),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_decode_when_the_file_cannot_be_taken_then_the_sentence_says_why(name):
    data, code, sentence = REFUSALS[name]
    assert refusal(data) == (code, sentence)


def test_decode_when_the_name_says_dicom_then_it_is_told_so():
    assert refusal(b"\0" * 400, name="chest.DCM")[0] == "dicom"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_decode_when_over_the_cap_then_it_is_refused_by_its_header_alone(kind):
    data = saved(GREY8, kind)
    sentence = "The image is 57×40, more than the 0.002 megapixels allowed."
    assert refusal(data, max_pixels=2000) == ("too_large", sentence)
    header_only = data if kind == "TIFF" else data[: len(data) // 2]
    assert refusal(header_only, max_pixels=2000)[0] == "too_large"


def test_decode_when_a_header_claims_a_huge_size_then_no_memory_is_taken():
    code, sentence = refusal(png_header(50_000, 50_000))
    assert code == "too_large"
    assert sentence == "The image is 50000×50000, more than the 64 megapixels allowed."
    jpeg = bytearray(saved(GREY8, "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    assert refusal(bytes(jpeg))[0] == "too_large"


@pytest.mark.parametrize("size", [(1_000_001, 40), (40, 1_000_001)])
def test_decode_when_a_side_is_longer_than_decoders_take_then_it_is_refused_by_name(size):
    width, height = size
    sentence = f"The image is {width}×{height}; each side may have at most 1,000,000 pixels."
    assert refusal(png_header(width, height)) == ("too_large", sentence)


@pytest.mark.parametrize("name", ["png16", "tiff16_little", "tiff16_deflate", "tiff16_tiles"])
def test_decode_when_cut_anywhere_then_it_is_refused_or_whole(name):
    data, expected = GREY_FILES[name]
    whole = []
    for length in range(8, len(data) - 12, 97):
        with contextlib.suppress(ImageError):
            whole.append(np.array_equal(decode_image(data[:length]).pixels, expected))
    assert all(whole)
    assert refusal(data[: len(data) // 2]) == ("truncated", DAMAGED)


def test_decode_when_damaged_pngs_come_by_the_thousand_then_no_reference_is_lost():
    # imagecodecs.png_decode drops a reference to None at each failure: some thousand uploads of
    # damaged files would end the process.
    deep = imagecodecs.png_encode(RGB16)
    bad = [saved(GREY8)[:300], GREY_FILES["png16"][0][:300], deep[:300], bad_filter(deep)]
    gc.collect()
    before = sys.getrefcount(None)
    for _ in range(50):
        for data in bad:
            with contextlib.suppress(ImageError):
                decode_image(data)
    gc.collect()
    assert sys.getrefcount(None) > before - 50


def bad_filter(data: bytes) -> bytes:
    """A 16-bit colour PNG with every checksum right, and a row filter that does not exist."""
    header = read_png_header(data)
    rows = np.zeros((header.height, 1 + 6 * header.width), np.uint8)
    rows[5, 0] = 9
    return write_png(header, zlib.compress(rows.tobytes()))


@pytest.mark.parametrize("name", ["png8", "png16", "png_rgb_grey", "png_rgb16_grey"])
def test_decode_when_one_pixel_byte_is_flipped_then_the_checksum_tells(name):
    good = GREY_FILES[name][0]
    data = bytearray(good)
    data[data.index(b"IDAT") + 200] ^= 1
    assert refusal(bytes(data)) == ("truncated", DAMAGED)
    assert refusal(good[:-12]) == ("truncated", DAMAGED)  # all pixels, no end


def test_decode_when_16_bit_colour_rows_are_wrong_then_it_is_refused():
    deep = imagecodecs.png_encode(RGB16)
    assert refusal(bad_filter(deep)) == ("truncated", DAMAGED)
    header = read_png_header(deep)
    short = write_png(header, zlib.compress(b"\0" * 1000))
    assert refusal(short) == ("truncated", DAMAGED)
    long = write_png(header, zlib.compress(b"\0" * 10_000_000))
    assert refusal(long) == ("truncated", DAMAGED)
    woven = write_png(header._replace(interlaced=True), zlib.compress(b"\0" * 1000))
    assert refusal(woven) == (
        "unsupported_pixels",
        "The PNG file is 16-bit colour and interlaced; save it without interlacing.",
    )


def test_decode_when_a_jpeg_is_cut_then_it_is_refused():
    data = saved(smooth(200, 200, top=250, dtype=np.uint8), "JPEG")
    for share in (0.3, 0.6, 0.9):
        assert refusal(data[: int(len(data) * share)]) == ("truncated", DAMAGED)


SPOILABLE = [
    GREY_FILES["png16"][0],
    GREY_FILES["tiff16_deflate"][0],
    GREY_FILES["tiff16_tiles"][0],
    saved(GREY8, "JPEG"),
    saved(Image.fromarray(GREY8).convert("P")),
]


@given(st.sampled_from(SPOILABLE), st.data())
@settings(max_examples=150, deadline=None)
def test_decode_when_bytes_are_flipped_then_only_an_image_error_comes_out(good, data):
    spoilt = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers are where a parser can be misled, so half of the damage is done there.
        end = data.draw(st.sampled_from([min(300, len(good)), len(good)]))
        spoilt[data.draw(st.integers(4, end - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImageError):
        image = decode_image(bytes(spoilt))
        assert image.pixels.ndim == 2
        assert image.pixels.size <= 64_000_000


def test_decode_when_a_deflated_tiff_is_a_bomb_then_only_its_own_size_is_inflated():
    honest = tiff(np.zeros((64, 64), np.uint8), compression="zlib")
    bomb = zlib.compress(b"\0" * 50_000_000)
    with tifffile.TiffFile(io.BytesIO(honest)) as opened:
        tags = opened.pages.first.tags
        places = [tags[name].valueoffset for name in ("StripOffsets", "StripByteCounts")]
    data = bytearray(honest)
    for place, value in zip(places, (len(honest), len(bomb)), strict=True):
        data[place : place + 4] = struct.pack("<I", value)
    tracemalloc.start()
    pixels = decode_image(bytes(data) + bomb).pixels
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not pixels.any()
    assert peak < 2_000_000


def test_decode_when_lzw_data_is_damaged_then_it_is_refused():
    data = bytearray(GREY_FILES["tiff16_lzw"][0])
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as opened:
        start = opened.pages.first.dataoffsets[0]
    data[start + 100 : start + 400] = b"\xff" * 300
    assert refusal(bytes(data)) == ("truncated", DAMAGED)
