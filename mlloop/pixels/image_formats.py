"""Decodes a PNG, JPEG or TIFF file to its raw pixels. Only `images` uses it.

Every limit is checked in the header, before a pixel is decoded. Refuses DICOM, floats, several
pages, signed or 32-bit values, and compressions whose decoder trusts a second, inner header.
"""

from __future__ import annotations

import io
from typing import NamedTuple, NoReturn

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import ImageOps, JpegImagePlugin, PngImagePlugin

from mlloop.pixels.png_chunks import (
    checked_rows,
    is_png_whole,
    read_png_header,
    repack,
    undo_up,
)
from mlloop.pixels.tiff_segments import COMPRESSIONS, read_samples

AnyPixels = npt.NDArray[np.uint8 | np.uint16]

_DTYPES = (np.uint8, np.uint16)
_PNG_GREY = 0

_TIFF_GREY_INVERTED, _TIFF_GREY, _TIFF_RGB, _TIFF_PALETTE = 0, 1, 2, 3
_TIFF_ALPHA_APART = 2

_LONGEST_SIDE = 1_000_000  # libpng refuses more


class ImageError(ValueError):
    """A file cannot be used as an image: a `code` for machines, a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Limits(NamedTuple):
    """The allowed size of an image, in pixels."""

    max_pixels: int
    min_side: int


class RawImage(NamedTuple):
    """Pixels as the file holds them, `(H, W)` or `(H, W, C)`, and the number of bits used."""

    pixels: AnyPixels
    bits: int


def read_raw_image(data: bytes, *, name: str, limits: Limits) -> RawImage:
    """Decode a PNG, JPEG or TIFF file. `name` helps to recognise a DICOM file.

    Raises ImageError.
    """
    if not data:
        raise ImageError("empty_file", "The file is empty.")
    if data[128:132] == b"DICM" or name.lower().endswith((".dcm", ".dicom")):
        raise ImageError("dicom", "DICOM is not read yet; export the radiograph as PNG or TIFF.")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _read_png(data, limits)
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(data, limits)
    if data[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return _read_tiff(data, limits)
    raise ImageError("not_an_image", "This is not a PNG, JPEG or TIFF file.")


def _read_png(data: bytes, limits: Limits) -> RawImage:
    header = read_png_header(data)
    if header is None:
        _damaged()
    _check_size(header.width, header.height, limits)
    if not is_png_whole(data):
        _damaged()
    if (rows := checked_rows(data, header)) is not None:
        # Pillow holds the interpreter lock while it decodes, so networks would wait.
        values = undo_up(rows, header)
        if values is None:
            values = imagecodecs.png_decode(repack(rows, header))
        return RawImage(values, header.depth)
    if header.depth == 16 and header.colour != _PNG_GREY:  # Pillow would keep only 8 bits
        if not header.interlaced:
            _damaged()
        raise ImageError(
            "unsupported_pixels",
            "The PNG file is 16-bit colour and interlaced; save it without interlacing.",
        )
    try:
        # Image.open would warn about large images. `_check_size` has checked the size already.
        with PngImagePlugin.PngImageFile(io.BytesIO(data)) as opened:
            mode = opened.mode
            if mode in ("P", "PA") or (mode in ("L", "RGB") and opened.has_transparency_data):
                pixels = np.asarray(opened.convert("RGBA"))
            else:
                pixels = np.asarray(opened.convert("L") if mode == "1" else opened)
    except Exception as failure:  # a broken chunk may raise any error
        _damaged(failure)
    if pixels.shape[:2] != (header.height, header.width) or pixels.dtype not in _DTYPES:
        _damaged()
    return RawImage(pixels, pixels.dtype.itemsize * 8)


def _read_jpeg(data: bytes, limits: Limits) -> RawImage:
    try:
        with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as opened:
            _check_size(opened.width, opened.height, limits)
            upright = ImageOps.exif_transpose(opened)
            grey_or_rgb = upright if upright.mode in ("L", "RGB") else upright.convert("RGB")
            return RawImage(np.asarray(grey_or_rgb), 8)
    except ImageError:
        raise
    except Exception as failure:  # a broken EXIF block may raise any error
        _damaged(failure)


def _read_tiff(data: bytes, limits: Limits) -> RawImage:
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as opened:
            if len(opened.pages) > 1:
                raise ImageError(
                    "many_pages", f"The TIFF file has {len(opened.pages)} pages; one is expected."
                )
            page = opened.pages.first
            _check_size(page.imagewidth, page.imagelength, limits)
            _check_tiff_kind(page)
            # A segment is decoded at once. A segment far larger than the image would fill memory.
            if page.is_tiled and page.tilewidth * page.tilelength > limits.max_pixels:
                _damaged()
            return _tiff_pixels(page, read_samples(page, data))
    except ImageError:
        raise
    except Exception as failure:  # tifffile may raise any error of its codecs and parsers
        _damaged(failure)


def _check_tiff_kind(page: tifffile.TiffPage) -> None:
    formats = {3: "floating-point", 2: "signed", 5: "complex", 6: "complex"}
    kind = formats.get(int(page.sampleformat))
    if kind == "floating-point":
        raise ImageError(
            "float_pixels",
            "The TIFF file holds floating-point values; save it as 8-bit or 16-bit whole numbers.",
        )
    bits = page.bitspersample
    if kind is not None or bits not in (1, 8, 16) or page.fillorder != 1:
        kind_name = kind or (f"{bits}-bit" if page.fillorder == 1 else "bit-reversed")
        raise ImageError(
            "unsupported_pixels",
            f"The TIFF file holds {kind_name} values; 8-bit and 16-bit whole numbers are read.",
        )
    if int(page.compression) not in COMPRESSIONS:
        raise ImageError(
            "unsupported_compression",
            "The TIFF file uses a compression that is not read; save it with LZW, Deflate or none.",
        )
    colours = (_TIFF_GREY_INVERTED, _TIFF_GREY, _TIFF_RGB, _TIFF_PALETTE)
    has_channels = 1 <= page.samplesperpixel <= 4
    if int(page.photometric) not in colours or not has_channels or page.imagedepth != 1:
        raise ImageError(
            "unsupported_colour", "The TIFF file is not grey, RGB or palette; save it as grey."
        )


def _tiff_pixels(page: tifffile.TiffPage, samples: AnyPixels) -> RawImage:
    bits, photometric = page.bitspersample, int(page.photometric)
    if photometric == _TIFF_PALETTE:
        if page.colormap is None or bits != 8 or samples.shape[2] != 1:
            _damaged()
        return RawImage(np.moveaxis(page.colormap[:, samples[..., 0]], 0, -1), 16)
    colours = 3 if photometric == _TIFF_RGB else 1
    if samples.shape[2] < colours:
        _damaged()
    if photometric == _TIFF_GREY_INVERTED:
        samples[..., :1] = (2**bits - 1) - samples[..., :1]
    if bits == 1:
        samples = samples * np.uint8(255)
    # Colours with premultiplied alpha are already blended with black, so their alpha is left out.
    # An extra channel of unknown use is left out too.
    has_alpha = tuple(page.extrasamples)[:1] == (_TIFF_ALPHA_APART,)
    kept = samples[..., : colours + has_alpha]
    return RawImage(kept[..., 0] if kept.shape[2] == 1 else kept, 16 if bits == 16 else 8)


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        most = f"{limits.max_pixels / 1_000_000:g}"
        raise ImageError(
            "too_large", f"The image is {width}×{height}, more than the {most} megapixels allowed."
        )
    if max(width, height) > _LONGEST_SIDE:
        raise ImageError(
            "too_large",
            f"The image is {width}×{height}; each side may have at most {_LONGEST_SIDE:,} pixels.",
        )
    if min(width, height) < limits.min_side:
        raise ImageError(
            "too_small",
            f"The image is {width}×{height}; each side needs at least {limits.min_side} pixels.",
        )


def _damaged(cause: Exception | None = None) -> NoReturn:
    raise ImageError("truncated", "The file is damaged or cut short.") from cause
