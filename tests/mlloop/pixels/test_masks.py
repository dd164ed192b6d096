"""The mask codec and the raster rule, against the golden files and slow references."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from fixtures.make_golden import GOLDEN, write_golden
from mlloop.pixels.masks import (
    MaskError,
    changed_pixels,
    contour_length,
    decode_mask,
    decode_probability,
    encode_mask,
    encode_probability,
    encode_wire_mask,
    mask_changes,
)
from mlloop.pixels.raster import area_sums, canonical_raster, quantise, threshold_mask, upsample_p8

INDEX = json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))
masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))
p8_maps = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12))
shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def png(array: np.ndarray, mode: str | None = None, **options: object) -> bytes:
    image = Image.fromarray(array)
    stream = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(stream, "PNG", **options)
    return stream.getvalue()


def bare_png(width: int, height: int, depth: int = 8, colour: int = 0, rest: bytes = b"") -> bytes:
    body = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + body))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + body + checksum + rest


def sha256(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def scalar_upsample(p8: np.ndarray, height: int, width: int) -> np.ndarray:
    """The rule as it is written down, one pixel at a time in Python integers."""

    def axis(position: int, source: int, target: int) -> tuple[int, int, int]:
        numerator = (2 * position + 1) * source - target
        first = numerator // (2 * target)
        weight = (numerator - first * 2 * target) * 256 // (2 * target)
        return min(max(first, 0), source - 1), min(max(first + 1, 0), source - 1), weight

    out = np.zeros((height, width), np.uint8)
    for y in range(height):
        top, bottom, c = axis(y, p8.shape[0], height)
        for x in range(width):
            left, right, b = axis(x, p8.shape[1], width)
            total = int(p8[top, left]) * (256 - b) * (256 - c)
            total += int(p8[top, right]) * b * (256 - c)
            total += int(p8[bottom, left]) * (256 - b) * c
            total += int(p8[bottom, right]) * b * c
            out[y, x] = (total + 32768) >> 16
    return out


def float_upsample(p8: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear with half-pixel centres and clamped edges, in floating point."""

    def weights(source: int, target: int) -> np.ndarray:
        at = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(source)[None, :]))

    rows, columns = weights(p8.shape[0], height), weights(p8.shape[1], width)
    return rows @ p8.astype(np.float64) @ columns.T


@given(masks)
def test_codec_when_a_mask_is_encoded_then_both_forms_give_it_back(mask):
    for encode in (encode_mask, encode_wire_mask):
        data = encode(mask)
        assert np.array_equal(decode_mask(data, shape=mask.shape), mask)
        assert encode(decode_mask(data)) == data


@given(masks)
def test_codec_when_another_reader_opens_it_then_it_is_0_and_255(mask):
    with Image.open(io.BytesIO(encode_mask(mask))) as stored:
        assert stored.mode == "L"
        assert np.array_equal(np.asarray(stored), mask * np.uint8(255))
    with Image.open(io.BytesIO(encode_wire_mask(mask))) as wire:
        assert wire.mode == "1"
        assert np.array_equal(np.asarray(wire), mask)


@given(masks)
def test_decode_when_another_writer_made_it_then_every_value_above_0_is_mask(mask):
    assert np.array_equal(decode_mask(png(mask * np.uint8(1))), mask)
    assert np.array_equal(decode_mask(png(mask)), mask)


def test_encode_when_the_mask_is_a_transposed_view_then_the_bytes_are_the_same():
    mask = np.random.default_rng(1).random((20, 31)) < 0.5
    assert encode_mask(np.asfortranarray(mask)) == encode_mask(mask)
    assert np.array_equal(decode_mask(encode_wire_mask(mask.T)), mask.T)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2), np.uint8), np.zeros(4, bool), np.zeros((0, 3), bool)]
)
def test_encode_when_it_is_no_mask_then_it_is_refused(bad):
    with pytest.raises(MaskError, match="not a plane of true and false values"):
        encode_mask(bad)


@given(p8_maps)
def test_probability_when_encoded_then_it_comes_back(p8):
    assert np.array_equal(decode_probability(encode_probability(p8)), p8)


GREY = np.zeros((4, 6), np.uint8)
REFUSALS = {
    "not_png": (b"GIF89a" + b"0" * 60, "The mask is not a PNG file."),
    "empty": (b"", "The mask is not a PNG file."),
    "header_only": (bare_png(6, 4)[:30], "The mask is not a PNG file."),
    "rgb": (
        png(GREY, "RGB"),
        "The mask has more than one channel; save it as a plain grey PNG.",
    ),
    "grey_alpha": (
        png(GREY, "LA"),
        "The mask has more than one channel; save it as a plain grey PNG.",
    ),
    "palette": (png(GREY, "P"), "The mask uses a colour palette; save it as a plain grey PNG."),
    "16_bit": (
        png(GREY.astype(np.uint16)),
        "The mask has 16 bits per pixel; 1 or 8 are allowed.",
    ),
    "wrong_size": (png(np.zeros((4, 7), np.uint8)), "The mask is 7×4, but the image is 6×4."),
    "turned": (png(GREY.T.copy()), "The mask is 4×6, but the image is 6×4."),
    "cut_short": (
        encode_mask(np.random.default_rng(0).random((4, 6)) < 0.5)[:50],
        "The mask is damaged or cut short.",
    ),
    "no_data": (bare_png(6, 4), "The mask is damaged or cut short."),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_decode_when_it_is_no_plain_mask_then_the_sentence_says_why(case):
    data, sentence = REFUSALS[case]
    with pytest.raises(MaskError) as refusal:
        decode_mask(data, shape=(4, 6))
    assert str(refusal.value) == sentence


def test_decode_when_the_header_claims_a_huge_size_then_nothing_is_decoded():
    with pytest.raises(MaskError) as refusal:
        decode_mask(bare_png(60_000, 60_000))
    assert str(refusal.value) == "The mask is 60000×60000, more than the 64 megapixels allowed."
    with pytest.raises(MaskError, match="has no pixels: its header says 0×5"):
        decode_mask(bare_png(0, 5))


def test_decode_when_a_second_header_claims_another_size_then_it_is_refused():
    second = bare_png(9000, 9000)[8:]
    first = bare_png(6, 4)
    with pytest.raises(MaskError, match="damaged"):
        decode_mask(first + second + encode_mask(GREY > 0)[33:], shape=(4, 6))


def test_decode_when_one_byte_of_the_pixels_is_flipped_then_the_checksum_tells():
    data = bytearray(encode_mask(np.random.default_rng(4).random((30, 30)) < 0.5))
    data[data.index(b"IDAT") + 60] ^= 1
    with pytest.raises(MaskError, match="The mask is damaged or cut short"):
        decode_mask(bytes(data))


def test_decode_probability_when_it_is_1_bit_then_it_is_refused():
    with pytest.raises(MaskError) as refusal:
        decode_probability(encode_wire_mask(GREY > 0))
    assert str(refusal.value) == "The probability map has 1 bits per pixel; 8 are allowed."


@given(st.data())
@settings(max_examples=60)
def test_decode_when_bytes_are_cut_or_flipped_then_only_a_mask_error_comes_out(data):
    good = encode_mask(np.random.default_rng(2).random((30, 30)) < 0.5)
    spoilt = bytearray(good[: data.draw(st.integers(0, len(good)))])
    if spoilt:
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(MaskError):
        assert decode_mask(bytes(spoilt), shape=(30, 30)).shape == (30, 30)


@given(arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32)))
def test_quantise_when_given_probabilities_then_it_rounds_half_up(p):
    expected = np.floor(255.0 * p.astype(np.float64) + 0.5)
    assert np.array_equal(quantise(p), expected.astype(np.uint8))


def test_quantise_when_out_of_range_then_it_is_clipped_and_nan_is_refused():
    assert quantise(np.array([[-0.2, 1.2, 0.5 / 255]])).tolist() == [[0, 255, 1]]
    with pytest.raises(MaskError, match="values that are not numbers"):
        quantise(np.array([[np.nan]]))


@given(p8_maps, shapes)
@settings(max_examples=40)
def test_upsample_when_any_sizes_then_it_is_the_written_rule(p8, shape):
    assert np.array_equal(upsample_p8(p8, shape=shape), scalar_upsample(p8, *shape))


@given(p8_maps, shapes)
def test_upsample_when_compared_with_float_bilinear_then_it_is_within_1(p8, shape):
    # A weight floored to 1/256 shifts a value by up to 255/256 per axis, hence 2.5 at worst; a
    # smooth map, as a network gives, stays within 1.
    exact = float_upsample(p8, *shape)
    assert np.abs(upsample_p8(p8, shape=shape) - exact).max() <= 2.5
    smooth = (np.add.outer(np.arange(p8.shape[0]), np.arange(p8.shape[1])) * 10).astype(np.uint8)
    exact = float_upsample(smooth, *shape)
    assert np.abs(upsample_p8(smooth, shape=shape) - exact).max() <= 1.0


@given(p8_maps)
def test_upsample_when_the_size_stays_then_nothing_changes(p8):
    assert np.array_equal(upsample_p8(p8, shape=p8.shape), p8)


@given(p8_maps, shapes, st.integers(1, 255))
def test_threshold_when_any_map_then_it_is_that_of_every_upsampled_pixel(p8, shape, t8):
    expected = upsample_p8(p8, shape=shape) >= t8
    assert np.array_equal(threshold_mask(p8, shape=shape, t8=t8), expected)


@given(p8_maps, shapes, st.integers(1, 254))
def test_threshold_when_it_rises_then_the_mask_only_shrinks(p8, shape, t8):
    lower = threshold_mask(p8, shape=shape, t8=t8)
    higher = threshold_mask(p8, shape=shape, t8=t8 + 1)
    assert not (higher & ~lower).any()


@pytest.mark.parametrize("t8", [0, 256, -1])
def test_threshold_when_out_of_range_then_it_is_refused(t8):
    with pytest.raises(MaskError) as refusal:
        threshold_mask(np.zeros((2, 2), np.uint8), shape=(4, 4), t8=t8)
    assert str(refusal.value) == f"The threshold is {t8}; it must be from 1 to 255."


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=20)), shapes)
def test_area_sums_when_cells_cut_pixels_then_they_are_exact_shares(values, grid):
    def shares(length: int, cells: int) -> np.ndarray:
        low, high = np.arange(cells)[:, None] * length, np.arange(1, cells + 1)[:, None] * length
        at = np.arange(length)[None, :] * cells
        return np.clip(np.minimum(high, at + cells) - np.maximum(low, at), 0, None)

    rows, columns = shares(values.shape[0], grid[0]), shares(values.shape[1], grid[1])
    assert np.array_equal(area_sums(values, grid=grid), rows @ values.astype(np.int64) @ columns.T)


@given(masks, st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_canonical_raster_when_the_mask_is_empty_or_full_then_it_stays(mask, grid):
    empty = np.zeros_like(mask)
    assert not canonical_raster(empty, grid=grid).any()
    assert canonical_raster(~empty, grid=grid).all()
    assert canonical_raster(mask, grid=grid).shape == mask.shape


def disc(side: int, *, radius: float = 0.3) -> np.ndarray:
    y, x = (np.indices((side, side)) + 0.5) / side - 0.5
    return y**2 + x**2 < radius**2


def overlap(mask: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * (mask & other).sum() / (mask.sum() + other.sum())


def test_canonical_raster_when_repeated_then_hardly_a_pixel_changes():
    once = canonical_raster(disc(300), grid=(64, 64))
    assert overlap(disc(300), once) > 0.98
    assert changed_pixels(once, canonical_raster(once, grid=(64, 64))) <= 0.005 * once.sum()


def corners(mask: np.ndarray) -> int:
    """Count the turns of the contour: what makes an edge look jagged."""
    quad = sum(
        np.pad(mask, 1).astype(int)[y : y + 513, x : x + 513] for y in (0, 1) for x in (0, 1)
    )
    return int((quad % 2 == 1).sum())


def test_canonical_raster_when_masks_were_drawn_in_other_ways_then_their_edges_are_alike():
    smooth = disc(512)
    y, x = (np.indices((512, 512)) + 0.5) / 512 - 0.5
    noise = np.random.default_rng(0).normal(0, 0.004, (512, 512))
    blocks = np.arange(512) // 4
    drawn = {
        "smooth": smooth,
        "shaky hand": np.sqrt(y**2 + x**2) < 0.3 + noise,
        "staircase": disc(128)[np.ix_(blocks, blocks)],
        "network": canonical_raster(smooth, grid=(64, 64)),
    }
    before = [corners(mask) for mask in drawn.values()]
    redrawn = [canonical_raster(mask, grid=(64, 64)) for mask in drawn.values()]
    after = [corners(mask) for mask in redrawn]
    assert max(before) / min(before) > 10
    assert max(after) / min(after) < 1.1
    assert all(overlap(smooth, mask) > 0.98 for mask in redrawn)


@given(masks)
def test_contour_length_when_counted_one_by_one_then_it_is_the_same(mask):
    expected = 0
    height, width = mask.shape
    for y in range(height):
        for x in range(width):
            for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                inside = 0 <= y + down < height and 0 <= x + right < width
                expected += mask[y, x] and not (inside and mask[y + down, x + right])
    assert contour_length(mask) == expected


def test_mask_changes_when_masks_differ_then_added_and_removed_are_told_apart():
    before = np.array([[True, True, False]])
    after = np.array([[False, True, True]])
    added, removed = mask_changes(before, after)
    assert added.tolist() == [[False, False, True]]
    assert removed.tolist() == [[True, False, False]]
    assert changed_pixels(before, after) == 2
    assert changed_pixels(before, before) == 0
    with pytest.raises(MaskError, match="One mask is 3×1, the other 1×3"):
        changed_pixels(before, after.T)


@pytest.mark.parametrize("entry", INDEX["masks"], ids=lambda entry: entry["name"])
def test_golden_masks_when_read_then_both_forms_are_the_listed_pixels(entry):
    for file in (entry["file"], entry["wire"]):
        mask = decode_mask((GOLDEN / file).read_bytes(), shape=(entry["height"], entry["width"]))
        assert sha256(mask) == entry["sha256"]
        assert int(mask.sum()) == entry["pixels"]
        assert contour_length(mask) == entry["contour_length"]


@pytest.mark.parametrize("entry", INDEX["probability"], ids=lambda entry: entry["name"])
def test_golden_probabilities_when_upsampled_then_they_match_the_written_rule(entry):
    p8 = decode_probability((GOLDEN / entry["file"]).read_bytes())
    assert sha256(p8) == entry["sha256"]
    for target in entry["upsampled"]:
        shape = (target["height"], target["width"])
        values = upsample_p8(p8, shape=shape)
        assert sha256(values) == target["sha256"]
        if target["file"]:
            assert np.array_equal(values, scalar_upsample(p8, *shape))
            assert np.array_equal(
                values, decode_probability((GOLDEN / target["file"]).read_bytes())
            )
        for cut in target["thresholds"]:
            assert sha256(values >= cut["t8"]) == cut["sha256"]


def test_golden_files_when_written_again_then_nothing_changes(tmp_path: Path):
    write_golden(tmp_path)
    assert json.loads((tmp_path / "index.json").read_text(encoding="utf-8")) == INDEX
    kept = {path.name for path in GOLDEN.iterdir()}
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == kept
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as new, Image.open(GOLDEN / path.name) as old:
            assert np.array_equal(np.asarray(new), np.asarray(old))
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) < 200_000
