"""Authenticate programs by a token (`Authorization: Bearer rt_...`) and people by their session.

A token with the scope `read` cannot write. A page that was opened by one account cannot write as
another account.
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
from annotation.permissions import lacks_second_factor
from annotation.selectors.sign_on import providers_of_account, providers_of_session
from annotation.services.tokens import use_token


def user_of(request: Request) -> User:
    """Return the account of an authenticated request."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


class ApiTokenAuthentication(BaseAuthentication):
    """Accept a live token of an active account, and enforce its scope before any view runs."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        text = parts[1].decode("latin-1") if len(parts) == 2 else ""
        token = use_token(text)
        if token is None:
            raise AuthenticationFailed("This token is unknown or has expired.", code="bad_token")
        if token.scope != ApiToken.Scope.WRITE and request.method not in SAFE_METHODS:
            raise PermissionDenied(
                "This token may only read. Create a token with the scope write.", code="token_scope"
            )
        if lacks_second_factor(token.user, signed_on_with=()) and lacks_second_factor(
            token.user, signed_on_with=providers_of_account(token.user)
        ):
            raise _no_second_factor()
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="roundtruth"'


class AccountSessionAuthentication(SessionAuthentication):
    """Accept a browser's session, unless `X-Account` names another account.

    `X-Account` is the percent-encoded name of the account that opened the page. On a shared
    workstation, a second person may sign in in another tab, with the same cookie. The first tab
    still shows the first person's name and must not write as the second person.
    """

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        signed_in: tuple[User, None] | None = super().authenticate(request)
        account = request.headers.get("X-Account")
        if signed_in and account is not None and unquote(account) != signed_in[0].get_username():
            raise PermissionDenied(
                "Somebody else is signed in in this browser. Sign in again, or use another"
                " browser. This browser keeps your drawing.",
                code="another_account",
            )
        if signed_in and lacks_second_factor(
            signed_in[0], signed_on_with=providers_of_session(request._request, signed_in[0])
        ):
            raise _no_second_factor()
        return signed_in


def _no_second_factor() -> PermissionDenied:
    return PermissionDenied(
        "Your role needs a second factor, and your account has none. Sign in on the pages and set"
        " one up.",
        code="second_factor_required",
    )


class AccountSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """Describe the session in the OpenAPI schema as an ordinary session cookie."""

    target_class = "annotation.api.authentication.AccountSessionAuthentication"


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe tokens in the OpenAPI schema."""

    target_class = "annotation.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
