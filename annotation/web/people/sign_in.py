"""The sign-in rules: nobody can register, and demo accounts work only on loopback.

They hold for passwords, passkeys and sign-on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from annotation.errors import TooManyAttempts
from annotation.models import User
from annotation.services import audit
from annotation.services.sign_in_delays import (
    DEVICE_COOKIE,
    DEVICE_DAYS,
    address_of,
    attempt_of,
    begin_attempt,
    device_cookie,
    forgive_attempt,
)
from annotation.services.sign_ins import (
    record_failed_sign_in,
    record_sign_in,
    record_sign_out,
)
from annotation.web.people.sign_on import give_roles

_WAYS = {
    "reauthenticate": "Use your password",
    "mfa_reauthenticate": "Use a code",
    "mfa_reauthenticate:webauthn": "Use a passkey",
}


# The audit's verbs for allauth's letters.
_CHANGES = {
    "totp_activated": "add_second_factor",
    "webauthn_added": "add_second_factor",
    "totp_deactivated": "remove_second_factor",
    "webauthn_removed": "remove_second_factor",
    "recovery_codes_generated": "make_recovery_codes",
    "account_connected": "connect_sign_on",
    "account_disconnected": "disconnect_sign_on",
}


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Refuse registration: an administrator creates accounts."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "The account name or the password is wrong.",
        "too_many_login_attempts": "Too many failed attempts. Try again later.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        del request
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request) or "0.0.0.0"  # noqa: S104 - a Unix socket has no address

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Skip allauth's own limit: it locks an account by its name."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Check a password, unless attempts failed too often: then say how long to wait."""
        attempt = attempt_of(request, name=str(credentials.get("username", "")))
        try:
            begin_attempt(attempt)
        except TooManyAttempts as error:
            raise ValidationError(error.sentence, code=error.code) from None
        user = cast("AbstractBaseUser | None", super().authenticate(request, **credentials))
        if user is not None:
            forgive_attempt(attempt)
        return user

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Set a password that the person chose. Their other sessions and all their tokens end."""
        with transaction.atomic():
            super().set_password(user, password)
            person = cast("User", user)
            audit.record(project=None, actor=person, verb="change_password", target=person.id)

    def pre_login(
        self, request: HttpRequest, user: AbstractBaseUser, **login: Any
    ) -> HttpResponse | None:
        """Apply the rules of `AccountBackend` to passkeys and sign-on too: they do not ask it."""
        if not AccountBackend().user_can_authenticate(user):
            return cast("HttpResponse", self.respond_user_inactive(request, user))
        return cast("HttpResponse | None", super().pre_login(request, user, **login))

    def get_reauthentication_methods(self, user: AbstractBaseUser) -> list[dict[str, str]]:
        methods = cast("list[dict[str, str]]", super().get_reauthentication_methods(user))
        return [method | {"description": _WAYS[method["id"]]} for method in methods]

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Start the session, which is the last step of every way to sign in, and record it."""
        super().login(request, user)
        record_sign_in(user=cast("User", user))

    def logout(self, request: HttpRequest) -> None:
        """Record who signs out, and end the session."""
        if request.user.is_authenticated:
            record_sign_out(user=request.user)
        super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong name or password, in bounded number."""
        super().authentication_failed(request, **credentials)
        record_failed_sign_in(username=str(credentials.get("username", "")))

    def send_notification_mail(
        self, template_prefix: str, user: AbstractBaseUser, *args: Any, **kwargs: Any
    ) -> None:
        """Record the change in the audit, then tell the person by e-mail if there is a server.

        allauth calls this, with the name of the letter, after each change of how somebody signs in.
        """
        letter = template_prefix.rsplit("/", 1)[-1]
        if verb := _CHANGES.get(letter):
            person = cast("User", user)
            audit.record(
                project=None, actor=person, verb=verb, target=person.id, facts={"kind": letter}
            )
        super().send_notification_mail(template_prefix, user, *args, **kwargs)

    def post_login(
        self, request: HttpRequest, user: AbstractBaseUser, **login: Any
    ) -> HttpResponse:
        """Give the roles that a sign-on provider decides, after every step of signing in."""
        response = cast("HttpResponse", super().post_login(request, user, **login))
        sociallogin = (login["signal_kwargs"] or {}).get("sociallogin")
        if sociallogin is not None:
            give_roles(request, cast("User", user), sociallogin)
        remember_browser(request, response, cast("User", user))
        return response


def remember_browser(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Let nobody's failed attempts delay this account in this browser from now on."""
    response.set_cookie(
        DEVICE_COOKIE,
        device_cookie(request, name=user.get_username()),
        max_age=timedelta(days=DEVICE_DAYS),
        path=reverse("account_login").removesuffix("login/"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


class AccountBackend(AuthenticationBackend):  # type: ignore[misc]
    """Refuse demo accounts on a public server, since their passwords were printed on a terminal."""

    def user_can_authenticate(self, user: AbstractBaseUser | None) -> bool:
        if settings.IS_PUBLIC and cast("User", user).is_demo:
            return False
        return bool(super().user_can_authenticate(user))
