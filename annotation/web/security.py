"""The Content-Security-Policy of every response, and the refusal of other machines.

The policy allows no inline code and nothing from other servers.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from annotation.addresses import is_loopback

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Set the policy on every response, including error pages and API responses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response


class LoopbackOnlyMiddleware:
    """Refuse callers on other machines, unless ROUNDTRUTH_HOSTS makes this server public.

    The Host header cannot do this: a caller on another machine may send `Host: localhost`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        address = request.META.get("REMOTE_ADDR", "")  # empty if the caller uses a Unix socket
        if settings.IS_PUBLIC or not address or is_loopback(address):
            return self.get_response(request)
        return HttpResponse(
            "This server serves only the machine on which it runs. To serve other machines, an "
            "operator must set ROUNDTRUTH_HOSTS to the names that people type.\n",
            status=403,
            content_type="text/plain; charset=utf-8",
        )
