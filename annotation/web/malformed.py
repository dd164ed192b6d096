"""Refuse requests that no view can use: text with NUL characters, or in another charset than UTF-8.

PostgreSQL refuses NUL in text, so a NUL would end as an error of the server in whatever view asked
the database first. SQLite would store it, and no move to PostgreSQL would be possible afterwards.
The API's JSON is checked where it is read (api/content_types.py).
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

_NUL_SENTENCE = "It holds the character NUL, which cannot be stored."


class RefuseMalformedMiddleware:
    """Answer 400 before any view, session or form sees the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _is_utf8((request.content_params or {}).get("charset", "utf-8")):
            raise BadRequest("Text must be sent as UTF-8.")
        address = request.path_info + request.META.get("QUERY_STRING", "")
        if "\0" in address or "%00" in address:
            raise BadRequest(_NUL_SENTENCE)
        if any("\0" in value for value in request.COOKIES.values()):
            raise BadRequest(_NUL_SENTENCE)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., object], args: object, kwargs: object
    ) -> None:
        """Check the fields of a form. A view that reads its own body is left alone."""
        if request.method != "POST" or getattr(view, "csrf_exempt", False):
            return
        if any("\0" in value for _, values in request.POST.lists() for value in values):
            raise BadRequest(_NUL_SENTENCE)


def _is_utf8(charset: str) -> bool:
    """Say whether text in this charset can be read as UTF-8; `zlib` and the like are none."""
    try:
        return codecs.lookup(charset).name in ("utf-8", "ascii")
    except (LookupError, ValueError):
        return False
