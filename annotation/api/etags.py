"""Read and make ETags. Answer with bytes, or with 304 if the client already has the bytes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from rest_framework.request import Request

from annotation.api.content_types import PNG


def parse_etags(header: str | None) -> list[str] | None:
    """Return the ETags of an If-Match or If-None-Match header, unquoted; None without a header."""
    if header is None or not header.strip():
        return None
    parts = (part.strip().removeprefix("W/").strip('"') for part in header.split(","))
    return [part for part in parts if part]


def keyed_etag(request: Request, name: str, variant: str = "") -> str:
    """Return an ETag for bytes that `name` identifies and that never change.

    The ETag of the same bytes differs for each person. A content hash would identify the file,
    because a release manifest lists content hashes, and would unblind a case.
    """
    subject = f"etag:{request.user.pk}:{name}:{variant}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), subject, hashlib.sha256).hexdigest()[:32]


def send_bytes(
    request: HttpRequest | Request,
    data: bytes,
    *,
    etag: str,
    content_type: str = PNG,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Answer with the bytes, or with 304 if the caller already has them."""
    cached = parse_etags(request.headers.get("If-None-Match")) or []
    if etag in cached or "*" in cached:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(data, content_type=content_type)
        for name, value in (headers or {}).items():
            response[name] = value
    response["ETag"] = f'"{etag}"'
    return response
