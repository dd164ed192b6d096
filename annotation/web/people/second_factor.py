"""Second factors: authenticator apps, passkeys and recovery codes, by django-allauth.

This module encrypts their secrets, refuses broken answers of browsers, and leads a person who must
have a second factor to the page where one is set up.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable
from typing import Any, cast

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.views import IndexView
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.webauthn import forms as webauthn_forms
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.mfa.webauthn.views import LoginWebAuthnView
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from annotation.models import User
from annotation.permissions import lacks_second_factor
from annotation.selectors.sign_on import providers_of_session
from annotation.services.sign_ins import record_failed_sign_in

logger = logging.getLogger(__name__)

# What fido2 and json raise for an answer that no browser sends.
_BROKEN = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)

# The pages that somebody without a required second factor may open.
_SET_UP = frozenset(
    {
        "mfa_index",
        "mfa_list_webauthn",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_view_recovery_codes",
        "mfa_download_recovery_codes",
        "account_reauthenticate",
        "account_login",
        "account_logout",
    }
)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypt the secrets with the server's key: a copy of the database alone is no use."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is wrong, or it was used already.",
        "cannot_delete_authenticator": "Your role needs a second factor. Add another one first.",
        "cannot_generate_recovery_codes": "Set up an authenticator app or a passkey first.",
    }

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            logger.error(
                "A second factor was stored under another secret key, so no code fits it."
                " An administrator can remove it in the admin."
            )
            return str(generate_totp_secret())

    def generate_authenticator_name(self, user: User, type: str) -> str:
        return "Passkey"


def _cipher() -> MultiFernet:
    keys = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    digests = [hashlib.sha256(b"second factor\0" + key.encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class CodeForm(AuthenticateForm):  # type: ignore[misc]
    """A code of the app, or a recovery code. It counts once for as long as it is right.

    allauth remembers a code for one period. With the tolerance a code is right for three.
    """

    def clean_code(self) -> str:
        try:
            code = str(super().clean_code())
        except ValidationError:
            record_failed_sign_in(username=self.user.get_username())
            raise
        key = f"second-factor-used:{self.user.pk}:{normalize_user_code(code)}"
        if not cache.add(key, True, timeout=4 * app_settings.TOTP_PERIOD):
            raise SecondFactorAdapter().validation_error("incorrect_code")
        return code


class ConfirmByCodeForm(CodeForm, ReauthenticateForm):  # type: ignore[misc]
    """A code before a change of the account."""


class CredentialField(forms.JSONField):
    """The browser's answer. JSON that is nested too deeply is refused, not an error of ours."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except RecursionError:
            raise _broken_credential() from None


def _broken_credential() -> ValidationError:
    return ValidationError("This passkey did not fit. Try again.")


class PasskeyForm(webauthn_forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey as the second step of signing in."""

    credential = CredentialField(widget=forms.HiddenInput)

    def clean_credential(self) -> object:
        """Check the answer. A wrong one is a failed sign-in; before a name is known, of nobody."""
        try:
            return super().clean_credential()
        except (ValidationError, *_BROKEN) as error:
            record_failed_sign_in(username=self.user.get_username() if self.user else "")
            if isinstance(error, ValidationError):
                raise
            raise _broken_credential() from None


class SignInByPasskeyForm(PasskeyForm, webauthn_forms.LoginWebAuthnForm):  # type: ignore[misc]
    """A passkey instead of name and password."""


class ConfirmByPasskeyForm(
    PasskeyForm,
    webauthn_forms.ReauthenticateWebAuthnForm,  # type: ignore[misc]
):
    """A passkey before a change of the account."""


class AddPasskeyForm(webauthn_forms.AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey and its name."""

    name = forms.CharField(max_length=60, required=False)
    credential = CredentialField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, object]:
        try:
            return cast("dict[str, object]", super().clean())
        except ValidationError:
            raise
        except _BROKEN:
            raise _broken_credential() from None


class SecondFactorView(IndexView):  # type: ignore[misc]
    """The page with a person's second factors."""

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        user = cast("User", self.request.user)
        signed_on_with = providers_of_session(self.request, user)
        is_required = lacks_second_factor(user, signed_on_with=signed_on_with)
        return {**super().get_context_data(**kwargs), "is_required": is_required}


class SignInByPasskeyView(LoginWebAuthnView):  # type: ignore[misc]
    """The page that asks the browser for a passkey, and the form that sends it."""

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        options = webauthn.begin_authentication(user=None)
        context = {"js_data": {"request_options": options}, "next": request.GET.get("next", "")}
        response = render(request, "mfa/webauthn/login.html", context)
        response["Cache-Control"] = "no-store"
        return response


class RequiredSecondFactorMiddleware:
    """Lead who must have a second factor and has none to the set-up page, from every other page.

    The API checks the same in `annotation/api/authentication.py`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        if match is None or match.view_name in _SET_UP or "api" in match.namespaces:
            return None
        if not settings.SECOND_FACTOR_ROLES or not isinstance(request.user, User):
            return None
        signed_on_with = providers_of_session(request, request.user)
        if not lacks_second_factor(request.user, signed_on_with=signed_on_with):
            return None
        if getattr(request, "htmx", False):
            return HttpResponseClientRedirect(reverse("mfa_index"))
        return redirect("mfa_index")
