"""Read and decode one offered file, and store the pictures made from it; no row is touched.

Threads call these functions while the main thread commits rows. A bad file is therefore returned as
a Refusal and never raised. If a mask is refused, its image is still imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings

from annotation.services.intake.report import Refusal
from annotation.services.intake.source import Offer
from annotation.storage import Batch
from mlloop.pixels import images
from mlloop.pixels.masks import MaskError, decode_mask, encode_mask

# An 8-bit film fills its range if its 0.5 and 99.5 percentiles are this many grey values apart.
_FULL_RANGE_WIDTH = 160.0
MAX_FILE_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An offered image, decoded. Nothing else of its file is kept."""

    offer: Offer
    decoded: images.DecodedImage


@dataclass(frozen=True, slots=True)
class StoredMask:
    """A mask in the store under `key`."""

    key: str
    is_empty: bool


@dataclass(frozen=True, slots=True)
class StoredMasks:
    """The stored masks of one image by label, and the refusals of its other masks."""

    by_label: dict[str, StoredMask] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Everything that the rows of one image need; its files are durable once the batch settles."""

    offer: Offer
    sha256: str
    width: int
    height: int
    bits: int
    window: images.Window
    perceptual_hash: str
    pixels_key: str
    preview_key: str
    thumbnail_key: str
    masks: StoredMasks


def read_offer(offer: Offer) -> ReadImage | Refusal:
    """Read and decode one offered file; return a Refusal with the reason if that fails."""
    try:
        size = offer.path.stat().st_size
        if size > MAX_FILE_BYTES:
            most = MAX_FILE_BYTES // 1024**2
            return Refusal(
                offer.name,
                "file_too_large",
                f"The file has {size // 1024**2} MB, more than the {most} MB allowed.",
            )
        data = offer.path.read_bytes()
        decoded = images.decode_image(
            data, name=offer.path.name, max_pixels=settings.MAX_IMAGE_PIXELS
        )
    except images.ImageError as error:
        return Refusal(offer.name, error.code, error.sentence)
    except OSError as error:
        return Refusal(offer.name, "unreadable", f"The file cannot be read: {error.strerror}.")
    return ReadImage(offer, decoded)


def store_image(read: ReadImage, batch: Batch) -> StoredImage:
    """Make and write the pixels, the preview, the thumbnail and the masks of one image."""
    pixels = read.decoded.pixels
    window = _first_window(read.decoded)
    preview = images.preview8(pixels, window=window, side=images.preview_side(pixels))
    small = images.thumbnail(preview, window=images.FULL_WINDOW)
    # Even a plain PNG is encoded again: its file may hold text beside, behind or between its rows.
    pixels_key = batch.put(images.encode_pixels(pixels))
    is_preview_too = window == images.FULL_WINDOW and preview.shape == pixels.shape
    return StoredImage(
        offer=read.offer,
        sha256=read.decoded.sha256,
        width=read.decoded.width,
        height=read.decoded.height,
        bits=read.decoded.bits,
        window=window,
        perceptual_hash=images.perceptual_hash(small, window=images.FULL_WINDOW),
        pixels_key=pixels_key,
        preview_key=pixels_key if is_preview_too else batch.put(images.encode_pixels(preview)),
        thumbnail_key=batch.put(images.encode_pixels(small)),
        masks=store_masks(read, (read.offer.masks or {}).keys(), batch),
    )


def _first_window(image: images.DecodedImage) -> images.Window:
    """Return the window in which readers first see the film.

    An 8-bit film that fills its range was windowed before its export, so it is shown unchanged.
    """
    window = images.default_window(image.pixels)
    return images.FULL_WINDOW if image.bits == 8 and window.width >= _FULL_RANGE_WIDTH else window


def store_masks(read: ReadImage, labels: Iterable[str], batch: Batch) -> StoredMasks:
    """Check and write the masks of one image for `labels`; each must have the image's size."""
    stored = StoredMasks()
    for label in labels:
        offered = (read.offer.masks or {})[label]
        try:
            if offered.path is None:
                raise MaskError(offered.problem)
            mask = decode_mask(offered.path.read_bytes(), shape=read.decoded.pixels.shape)
            is_empty = not mask.any()
            if is_empty and label == "lung":
                raise MaskError("The lung mask is empty.")
            stored.by_label[label] = StoredMask(batch.put(encode_mask(mask)), is_empty)
        except MaskError as error:
            stored.refused.append(_mask_refusal(offered.name, read.offer.name, str(error)))
        except OSError as error:
            reason = f"The mask cannot be read: {error.strerror}."
            stored.refused.append(_mask_refusal(offered.name, read.offer.name, reason))
    return stored


def _mask_refusal(name: str, image: str, reason: str) -> Refusal:
    return Refusal(name, "mask", f"{reason} The image {image} was imported without it.")
