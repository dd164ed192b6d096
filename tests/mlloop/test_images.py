"""Reading radiographs: every format to one grey plane, every refusal by its sentence."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import os
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from mlloop.images import (
    ImageError,
    Window,
    apply_window,
    decode_image,
    default_window,
    encode_pixels,
    hash_distance,
    load_mask_target,
    load_network_input,
    network_input,
    perceptual_hash,
    preview8,
    thumbnail,
)
from mlloop.masks import encode_mask
from mlloop.png_chunks import read_png_header, write_png

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


@pytest.mark.parametrize("name", GREY_FILES)
def test_decode_when_the_file_is_grey_then_every_value_is_kept(name):
    data, expected = GREY_FILES[name]
    image = decode_image(data)
    assert image.pixels.dtype == expected.dtype
    assert np.array_equal(image.pixels, expected)
    assert image.bits == expected.dtype.itemsize * 8
    assert (image.height, image.width) == (40, 57)


@pytest.mark.parametrize(
    ("data", "rgb"),
    [
        (saved(RGB8), RGB8),
        (imagecodecs.png_encode(RGB16), RGB16),
        (tiff(RGB8, photometric="rgb"), RGB8),
        (tiff(RGB16, photometric="rgb", byteorder=">"), RGB16),
    ],
    ids=["png8", "png16", "tiff8", "tiff16"],
)
def test_decode_when_the_file_is_colour_then_it_becomes_luminance(data, rgb):
    image = decode_image(data)
    assert image.pixels.dtype == rgb.dtype
    assert np.abs(image.pixels - luminance(rgb)).max() <= 0.501


def test_decode_when_there_is_transparency_then_it_lies_over_black():
    alpha = np.tile(np.array([0, 128, 255], np.uint8), (40, 19))
    over_black = GREY8 * (alpha / 255.0)
    for picture in (np.dstack([GREY8] * 3 + [alpha]), np.dstack([GREY8, alpha])):
        pixels = decode_image(imagecodecs.png_encode(picture)).pixels
        assert np.abs(pixels - over_black).max() <= 0.501


def test_decode_when_a_tiff_has_alpha_then_it_lies_over_black_once():
    alpha = np.tile(np.array([0, 128, 255], np.uint8), (40, 19))
    picture = np.dstack([GREY8] * 3 + [alpha])
    for use, expected in (("unassalpha", GREY8 * (alpha / 255.0)), ("assocalpha", GREY8)):
        pixels = decode_image(tiff(picture, photometric="rgb", extrasamples=[use])).pixels
        assert np.abs(pixels - expected).max() <= 0.501


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


def test_decode_when_a_palette_png_has_transparency_then_it_lies_over_black():
    picture = Image.fromarray(np.tile(np.arange(4, dtype=np.uint8) * 60, (40, 10))).convert("P")
    seen = decode_image(saved(picture, transparency=bytes([255] * 120 + [0] * 136))).pixels
    assert seen[0, :4].tolist() == [0, 60, 0, 0]


def test_decode_when_a_tiff_has_a_palette_then_its_colours_count():
    colours = np.zeros((3, 256), np.uint16)
    colours[:] = np.arange(256)[::-1] * 257
    pixels = decode_image(tiff(GREY8, photometric="palette", colormap=colours)).pixels
    assert np.array_equal(pixels, (255 - GREY8.astype(np.uint16)) * 257)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_decode_when_it_is_jpeg_then_it_is_what_was_drawn(mode):
    drawn = smooth(60, 80, top=250, dtype=np.uint8)
    picture = Image.fromarray(drawn).convert("RGB").convert(mode)
    for options in ({}, {"progressive": True}):
        pixels = decode_image(saved(picture, "JPEG", quality=95, **options)).pixels
        assert np.abs(pixels.astype(int) - drawn).mean() < 2


def test_decode_when_a_jpeg_was_taken_sideways_then_it_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode_image(saved(smooth(60, 80, top=250, dtype=np.uint8), "JPEG", exif=exif))
    assert (turned.height, turned.width) == (80, 60)


@given(
    st.one_of(
        arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=30)),
        arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=30)),
    )
)
def test_encode_pixels_when_read_back_then_nothing_is_lost(pixels):
    data = encode_pixels(pixels)
    image = decode_image(data, min_side=1)
    assert image.pixels.dtype == pixels.dtype
    assert np.array_equal(image.pixels, pixels)
    with Image.open(io.BytesIO(data)) as other:
        assert np.array_equal(np.asarray(other), pixels)
    assert encode_pixels(pixels) == data


def test_hash_when_the_file_differs_then_only_the_pixels_count():
    expected = hashlib.sha256(b"<u2:40x57:" + GREY16.astype("<u2").tobytes()).hexdigest()
    for name in ("png16", "tiff16_little", "tiff16_big", "tiff16_inverted", "png_rgb16_grey"):
        assert decode_image(GREY_FILES[name][0]).sha256 == expected
    flat = np.zeros((40, 60), np.uint8)
    others = [flat, flat.reshape(60, 40), flat.astype(np.uint16), flat + np.uint8(1)]
    assert len({decode_image(encode_pixels(pixels)).sha256 for pixels in others}) == 4


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
        "The image is 57×31; each side must have 32 pixels or more.",
    ),
    "small_jpeg": (
        saved(GREY8[:, :20], "JPEG"),
        "too_small",
        "The image is 20×40; each side must have 32 pixels or more.",
    ),
    "small_tiff": (
        tiff(GREY8[:8]),
        "too_small",
        "The image is 57×8; each side must have 32 pixels or more.",
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


def test_default_window_when_computed_then_it_spans_the_percentiles():
    for pixels in (GREY8, GREY16, smooth(300, 260)):
        ends = np.percentile(pixels, (0.5, 99.5), method="inverted_cdf")
        low, high = (float(end) for end in ends)
        assert default_window(pixels) == Window((low + high) / 2, high - low)
    assert default_window(np.full((40, 40), 7, np.uint16)).width == 1.0


def test_apply_window_when_values_leave_it_then_they_are_black_or_white():
    pixels = np.array([[0, 1000, 1500, 2000, 65535]], np.uint16)
    assert apply_window(pixels, Window(1500, 1000)).tolist() == [[0, 0, 128, 255, 255]]


def test_preview_when_the_image_is_large_then_its_long_side_is_1024_and_it_is_8_bit():
    small = preview8(smooth(1500, 2000))
    assert (small.shape, small.dtype) == ((768, 1024), np.uint8)
    assert preview8(GREY16).shape == GREY16.shape
    assert thumbnail(smooth(1500, 2000)).shape == (120, 160)
    assert preview8(smooth(32, 4000)).shape == (8, 1024)
    assert small.max() > 240
    assert small.min() < 15


def test_perceptual_hash_when_the_image_is_resized_or_its_depth_changed_then_it_is_near():
    whole = smooth(900, 700)
    first = perceptual_hash(whole)
    assert len(first) == 16
    eight = (whole >> 8).astype(np.uint8)
    halved = np.asarray(Image.fromarray(eight).resize((350, 450)))
    jpeg = decode_image(saved(eight, "JPEG", quality=70)).pixels
    for alike in (eight, halved, jpeg):
        assert hash_distance(first, perceptual_hash(alike)) <= 6
    assert hash_distance(first, perceptual_hash(np.ascontiguousarray(whole[::-1]))) > 16


def test_hash_distance_when_bits_differ_then_they_are_counted():
    assert hash_distance("00000000000000ff", "0000000000000000") == 8
    assert hash_distance("ffffffffffffffff", "0000000000000000") == 64
    assert hash_distance("12ab", "12ab") == 0


def test_network_input_when_the_image_is_scaled_then_it_is_an_area_average_in_0_to_1():
    values = network_input(smooth(256, 512), 64)
    assert (values.shape, values.dtype) == ((64, 64), np.float32)
    assert values.min() == 0.0
    assert values.max() == 1.0
    blocks = smooth(256, 512).reshape(64, 4, 64, 8).mean(axis=(1, 3))
    low, high = np.percentile(blocks, (0.5, 99.5))
    assert np.allclose(values, np.clip((blocks - low) / (high - low), 0, 1), atol=1e-6)


def test_network_input_when_brightness_or_contrast_change_then_it_stays():
    pixels = smooth(100, 120, top=20_000)
    brighter = (pixels * 2 + 900).astype(np.uint16)
    assert np.allclose(network_input(pixels, 32), network_input(brighter, 32), atol=1e-5)
    assert not network_input(np.full((50, 50), 9, np.uint8), 16).any()


def test_load_network_input_when_given_a_file_then_it_is_its_pixels_as_float(tmp_path: Path):
    path = tmp_path / "image.png"
    path.write_bytes(encode_pixels(GREY16))
    loaded = load_network_input(path, 32)
    assert np.array_equal(loaded, network_input(GREY16, 32))
    path.write_bytes(b"nothing")
    with pytest.raises(ImageError, match="This is not a PNG, JPEG or TIFF file"):
        load_network_input(path, 32)


def test_load_mask_target_when_cells_are_half_covered_then_it_says_so(tmp_path: Path):
    mask = np.zeros((8, 12), np.bool_)
    mask[:, :5] = True
    path = tmp_path / "mask.png"
    path.write_bytes(encode_mask(mask))
    target = load_mask_target(path, 4)
    assert target.dtype == np.float32
    assert np.allclose(target, [[1, 2 / 3, 0, 0]] * 4)


@pytest.mark.skipif("ROUNDTRUTH_DATA" not in os.environ, reason="ROUNDTRUTH_DATA is not set")
def test_real_radiographs_when_read_then_each_is_taken_or_refused_as_dicom():
    root = Path(os.environ["ROUNDTRUTH_DATA"])
    for path in sorted((root / "dicom").glob("*.dcm")):
        assert refusal(path.read_bytes(), name=path.name)[0] == "dicom"
    paths = sorted((root / "images").iterdir())[::10]
    assert paths
    for path in paths:
        image = decode_image(path.read_bytes(), name=path.name)
        assert np.array_equal(decode_image(encode_pixels(image.pixels)).pixels, image.pixels)
        assert 0.1 < float(network_input(image.pixels, 64).mean()) < 0.9
