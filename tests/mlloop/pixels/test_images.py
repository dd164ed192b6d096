"""Reading radiographs: every format to one grey plane, and what is derived from it."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from mlloop.pixels.images import (
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
from mlloop.pixels.masks import encode_mask
from tests.mlloop.pixels.image_files import (
    GREY8,
    GREY16,
    GREY_FILES,
    RGB8,
    RGB16,
    luminance,
    refusal,
    saved,
    smooth,
    tiff,
)


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
