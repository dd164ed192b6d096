"""Bytes that say they are a picture: pixels come out, or the error of the decoder."""

from __future__ import annotations

import contextlib

import imagecodecs
import numpy as np
from hypothesis import strategies as st

from mlloop.pixels.images import MAX_PIXELS, ImageError, decode_image
from mlloop.pixels.masks import (
    MaskError,
    decode_mask,
    decode_probability,
    encode_mask,
    encode_probability,
    encode_wire_mask,
)
from tests.mlloop.pixels.image_files import GREY8, GREY16, RGB8, RGB16, saved, tiff
from tests.support.fuzzing import damaged, explore, explored

MASK = np.random.default_rng(3).random((40, 57)) < 0.5
PNGS = (saved(GREY8), saved(RGB8), imagecodecs.png_encode(RGB16), imagecodecs.png_encode(GREY16))
JPEGS = (saved(GREY8, "JPEG"), saved(RGB8, "JPEG", quality=95))
TIFFS = (
    tiff(GREY8),
    tiff(GREY16, byteorder=">"),
    tiff(RGB8, compression="lzw"),
    tiff(GREY16, compression="deflate", predictor=True),
    tiff(GREY8, compression="packbits"),
    tiff(np.tile(GREY8, (4, 4)), tile=(64, 64)),
    tiff(GREY8, bigtiff=True),
)
BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\x00", b"MM\x00*", b"II+\x00", b"")


def any_bytes(*good: bytes) -> st.SearchStrategy[bytes]:
    begun = st.builds(bytes.__add__, st.sampled_from(BEGINNINGS), st.binary(max_size=400))
    return damaged(good) | begun


def look_at_image(data: bytes) -> None:
    with contextlib.suppress(ImageError):
        image = decode_image(data)
        assert image.pixels.ndim == 2
        assert image.pixels.size <= MAX_PIXELS


@explored
def test_png_when_the_bytes_are_anything_then_pixels_or_an_image_error(n_examples: int) -> None:
    explore(n_examples, any_bytes(*PNGS), look_at_image)


@explored
def test_jpeg_when_the_bytes_are_anything_then_pixels_or_an_image_error(n_examples: int) -> None:
    explore(n_examples, any_bytes(*JPEGS), look_at_image)


@explored
def test_tiff_when_the_bytes_are_anything_then_pixels_or_an_image_error(n_examples: int) -> None:
    explore(n_examples, any_bytes(*TIFFS), look_at_image)


@explored
def test_mask_when_the_bytes_are_anything_then_a_mask_or_a_mask_error(n_examples: int) -> None:
    def look(data: bytes) -> None:
        with contextlib.suppress(MaskError):
            assert decode_mask(data, shape=MASK.shape).shape == MASK.shape

    explore(n_examples, any_bytes(encode_mask(MASK), encode_wire_mask(MASK), saved(GREY8)), look)


@explored
def test_probability_when_the_bytes_are_anything_then_a_map_or_a_mask_error(
    n_examples: int,
) -> None:
    def look(data: bytes) -> None:
        with contextlib.suppress(MaskError):
            assert decode_probability(data).dtype == np.uint8

    explore(n_examples, any_bytes(encode_probability(GREY8), saved(GREY8)), look)
