"""Know a program by its token, `Authorization: Bearer rt_...`, and a person by the session.

A read token never writes, and a page that was opened by one person never writes as another.
"""

from __future__ import annotations

from urllib.parse import unquote

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from annotation.models import ApiToken, User
from annotation.services.tokens import token_of


def user_of(request: Request) -> User:
    """Return the account behind a request that passed authentication."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


class ApiTokenAuthentication(BaseAuthentication):
    """Accept a live token of an active account, and enforce its scope before any view runs."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        text = words[1].decode("latin-1") if len(words) == 2 else ""
        token = token_of(text)
        if token is None:
            raise AuthenticationFailed("This token is unknown or has expired.", code="bad_token")
        if token.scope != ApiToken.Scope.WRITE and request.method not in SAFE_METHODS:
            raise PermissionDenied(
                "This token may only read; make one with the scope write.", code="token_scope"
            )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="roundtruth"'


class AccountSessionAuthentication(SessionAuthentication):
    """A browser's session. `X-Account` says, percent-encoded, whose page asks.

    On a shared workstation somebody else may have signed in in another tab, with the same cookie:
    the page that still shows the former reader's name must not go on under the new one.
    """

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found: tuple[User, None] | None = super().authenticate(request)
        account = request.headers.get("X-Account")
        if found and account is not None and unquote(account) != found[0].get_username():
            raise PermissionDenied(
                "Somebody else is signed in in this browser. Sign out there, or use another"
                " browser; what was drawn here is kept in this one.",
                code="another_account",
            )
        return found


class AccountSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The schema knows it as any session."""

    target_class = "annotation.api.authentication.AccountSessionAuthentication"


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tell the OpenAPI schema about tokens."""

    target_class = "annotation.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
