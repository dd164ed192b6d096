"""Pixels of an image by its id, never by its file name: PNG, raw values and a preview."""

from __future__ import annotations

import gzip
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from annotation import storage
from annotation.api.authentication import user_of
from annotation.api.content_types import RAW, AnyAccept, wants_raw
from annotation.api.etags import keyed_etag, send_bytes
from annotation.api.schema import PNG_BYTES, PROBLEMS
from annotation.models import Image
from annotation.selectors.reading.access import image_for
from annotation.services.sightings import record_sighting
from mlloop.pixels.images import decode_image


class PixelsView(APIView):
    """`images/{id}/pixels/`: PNG, or raw little-endian values if the caller accepts them."""

    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="image_pixels",
        responses={**PNG_BYTES, (200, RAW): OpenApiTypes.BINARY, **PROBLEMS},
    )
    def get(self, request: Request, image_id: UUID) -> HttpResponse:
        image = _seen_image(request, image_id)
        data = storage.read(image.pixels_key)
        if wants_raw(request):
            return _raw_pixels(request, image, data)
        return send_bytes(request, data, etag=keyed_etag(request, image.pixels_key))


class PreviewView(APIView):
    """`images/{id}/preview/`: 8-bit PNG, at most 1024 pixels on its long side."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="image_preview", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, image_id: UUID) -> HttpResponse:
        image = _seen_image(request, image_id)
        data = storage.read(image.preview_key)
        return send_bytes(request, data, etag=keyed_etag(request, image.preview_key))


def _seen_image(request: Request, image_id: UUID) -> Image:
    """Return an image that the person may see, and record that they saw it."""
    user = user_of(request)
    image = image_for(user=user, image_id=image_id)
    record_sighting(image=image, viewer=user)
    return image


def _raw_pixels(request: Request, image: Image, png: bytes) -> HttpResponse:
    """Return the little-endian pixel values row by row, compressed if the caller accepts gzip."""
    pixels = decode_image(png, min_side=1).pixels
    values = pixels.astype("<u2" if image.bits == 16 else "u1").tobytes()
    headers = {"X-Width": str(image.width), "X-Height": str(image.height)}
    is_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    if is_gzip:
        headers["Content-Encoding"] = "gzip"
    etag = keyed_etag(request, image.pixels_key, "raw-gzip" if is_gzip else "raw")
    data = _compress(values) if is_gzip else values
    response = send_bytes(request, data, etag=etag, content_type=RAW, headers=headers)
    response["Vary"] = "Accept, Accept-Encoding"
    return response


def _compress(data: bytes) -> bytes:
    """Return gzip bytes without a timestamp, so that equal pixels give equal bytes."""
    return gzip.compress(data, compresslevel=1, mtime=0)
