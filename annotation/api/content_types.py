"""Bytes over HTTP: masks in as PNG, pixels out with an ETag; no JSON in here."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import IO

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.datastructures import MultiValueDict
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, DataAndFiles
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from annotation.errors import Invalid

PNG = "image/png"
RAW = "application/octet-stream"
MAX_MASK_BYTES = 16 * 1024**2
IMMUTABLE = "private, max-age=31536000, immutable"


class PngParser(BaseParser):
    """Read a PNG body, at most MAX_MASK_BYTES of it."""

    media_type = PNG

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> DataAndFiles[bytes, MultiValueDict[str, object]]:
        data = stream.read(MAX_MASK_BYTES + 1)
        if len(data) > MAX_MASK_BYTES:
            limit = MAX_MASK_BYTES // 1024**2
            raise Invalid(f"The mask is larger than {limit} MB.", code="too_large", field="mask")
        return DataAndFiles(data, MultiValueDict())


class AnyAccept(DefaultContentNegotiation):
    """Answer whatever the Accept header says: the view itself chooses among its formats."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type or ""


def wants_raw(request: Request) -> bool:
    """Say whether the caller asks for bare pixels instead of a PNG."""
    return RAW in request.headers.get("Accept", "")


def etags(header: str | None) -> list[str] | None:
    """Return the ETags of an If-Match or If-None-Match header without quotes; None: no header."""
    if header is None or not header.strip():
        return None
    parts = (part.strip().removeprefix("W/").strip('"') for part in header.split(","))
    return [part for part in parts if part]


def keyed_etag(request: Request, name: str, variant: str = "") -> str:
    """Return an ETag of what `name` means for ever; it tells this person nothing else.

    A content hash would name the file: a manifest lists it, and a blind case would be known.
    """
    subject = f"etag:{request.user.pk}:{name}:{variant}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), subject, hashlib.sha256).hexdigest()[:32]


def send_bytes(
    request: HttpRequest | Request,
    data: bytes,
    *,
    etag: str,
    content_type: str = PNG,
    cache: str = IMMUTABLE,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Answer with bytes, or 304 where the caller has them already."""
    asked = etags(request.headers.get("If-None-Match")) or []
    if etag in asked or "*" in asked:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(data, content_type=content_type)
        for name, value in (headers or {}).items():
            response[name] = value
    response["ETag"] = f'"{etag}"'
    response["Cache-Control"] = cache
    return response


def compress(data: bytes) -> bytes:
    """Gzip with no clock in it: the same pixels are the same bytes."""
    return gzip.compress(data, compresslevel=1, mtime=0)
