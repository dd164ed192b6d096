"""Let no browser or proxy keep an answer, and empty the browser's cache at sign-out.

Only static files may be kept: WhiteNoise answers them before this middleware. The reading room
holds the next case in memory, so it needs no cache.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_SIGN_OUTS = ("account_logout", "admin:logout")


class NoStoreMiddleware:
    """Mark every answer as one that may not be stored, whatever its view says.

    Earlier releases let a browser keep films for a year. At sign-out the browser is therefore told
    to empty its cache for this site. It does so on https and on loopback only. It keeps its
    databases, because the reading room's journal may hold strokes that nobody else has.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        match = request.resolver_match
        if request.method == "POST" and match is not None and match.view_name in _SIGN_OUTS:
            response["Clear-Site-Data"] = '"cache"'
        return response
