"""Sign-on by OpenID Connect, by django-allauth, with the rules of this server.

An account belongs to an issuer and a subject. An e-mail address never finds an account, is not
asked for and is not stored. The issuer is the one of the settings, and every address that it
names for itself is as safe as its own.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.forms import DisconnectForm
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import ProviderException
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from requests import RequestException

from annotation.models import User
from annotation.services.sign_on import apply_grants
from annotation.sign_on import SignOnProvider

logger = logging.getLogger(__name__)

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
_NAMES = ("preferred_username", "name", "given_name", "family_name")


def provider_of(provider_id: str) -> SignOnProvider | None:
    """Return the provider with this id in the settings."""
    return next((p for p in settings.SIGN_ON_PROVIDERS if p.id == provider_id), None)


def account_key(issuer: str, subject: str) -> str:
    """Return the key of an account: a hash of issuer and subject, which fits the column."""
    return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()


class IssuerClient(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Read the provider's configuration, and refuse one of another issuer or without TLS."""

    @property
    def openid_config(self) -> dict[str, object]:
        config: object = super().openid_config
        issuer = self.get_provider().app.settings["issuer"]
        if not isinstance(config, dict) or config.get("issuer") != issuer:
            raise ProviderException("The provider's configuration names another issuer.")
        scheme = urlsplit(issuer).scheme
        for name in _ENDPOINTS:
            address = config.get(name)
            if not isinstance(address, str) or urlsplit(address).scheme not in ("https", scheme):
                raise ProviderException(f"The provider's configuration has no safe {name}.")
        return config


class IssuerProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """A provider whose accounts are known by issuer and subject."""

    oauth2_adapter_class = IssuerClient

    def extract_uid(self, data: dict[str, dict[str, object]]) -> str:
        token, info = data.get("id_token"), data.get("userinfo")
        if not token or token.get("iss") != self.app.settings["issuer"]:
            raise ProviderException("The provider sent no ID token of its own.")
        subject = token.get("sub")
        if not isinstance(subject, str) or not subject:
            raise ProviderException("The ID token has no subject.")
        if info is not None and info.get("sub") != subject:
            raise ProviderException("The ID token and the user info are of two people.")
        return account_key(self.app.settings["issuer"], subject)

    def extract_extra_data(self, data: dict[str, dict[str, object]]) -> dict[str, object]:
        """Keep who it is and the claims that give roles, and nothing else."""
        claims = _claims(data)
        provider = cast("SignOnProvider", provider_of(self.app.provider_id))
        roots = {grant.claim for grant in provider.grants}
        roots |= {grant.claim.split(".")[0] for grant in provider.grants}
        kept = {name: claims[name] for name in sorted(roots) if name in claims}
        who = {name: claims.get(name) for name in ("sub", *_NAMES) if claims.get(name)}
        return {"iss": self.app.settings["issuer"], **who, "claims": kept}

    def extract_common_fields(self, data: dict[str, dict[str, object]]) -> dict[str, object]:
        claims = _claims(data)
        fields = {"username": "preferred_username", "name": "name"}
        fields |= {"first_name": "given_name", "last_name": "family_name"}
        read = {key: claims.get(name) for key, name in fields.items()}
        return {key: value[:150] for key, value in read.items() if isinstance(value, str)}

    def extract_email_addresses(self, data: object) -> list[object]:
        return []

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, str]:
        return dict(self.get_auth_params())  # nothing from the caller's address

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        return list(self.get_scope())


def _claims(data: dict[str, dict[str, object]]) -> dict[str, object]:
    return {**(data.get("userinfo") or {}), **(data.get("id_token") or {})}


class SignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Providers come from the settings alone, and only some of them may register people."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        chosen = [
            known
            for known in settings.SIGN_ON_PROVIDERS
            if provider in (None, known.id) and client_id in (None, known.client_id)
        ]
        return [_app(known) for known in chosen]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        known = provider_of(sociallogin.account.provider)
        return known is not None and known.registers

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: IssuerProvider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, object] | None = None,
    ) -> None:
        logger.warning(
            "Signing in by %s failed: %s %s", provider.app.provider_id, error, exception or ""
        )

    def authenticate_by_email(self, sociallogin: SocialLogin) -> None:
        return None


def _app(provider: SignOnProvider) -> SocialApp:
    return SocialApp(
        provider="openid_connect",
        provider_id=provider.id,
        name=provider.name,
        client_id=provider.client_id,
        secret=provider.secret,
        settings={
            "issuer": provider.issuer,
            "server_url": provider.issuer.rstrip("/"),
            "scope": list(provider.scopes),
        },
    )


class DisconnectKnownForm(DisconnectForm):  # type: ignore[misc]
    """Offer the accounts of today's providers. Others can sign nobody in."""

    accounts: QuerySet[SocialAccount]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        ids = [provider.id for provider in settings.SIGN_ON_PROVIDERS]
        self.accounts = self.accounts.filter(provider__in=ids)
        self.fields["account"].queryset = self.accounts


def give_roles(request: HttpRequest, user: User, sociallogin: SocialLogin) -> None:
    """Give and take the roles that the provider's claims decide, after signing in."""
    provider = provider_of(sociallogin.account.provider)
    if provider is None:
        return
    claims = sociallogin.account.extra_data.get("claims", {})
    for sentence in apply_grants(user=user, grants=provider.grants, claims=claims):
        messages.warning(request, sentence)


def start(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider by a page of ours.

    A redirect after a form would need the provider's address, and every address that it leads on
    to, in the Content-Security-Policy.
    """
    response = _run(OAuth2LoginView, request, provider_id)
    target = response.headers.get("Location", "")
    if not urlsplit(target).netloc:
        return response
    provider = provider_of(provider_id)
    return render(request, "socialaccount/leaving.html", {"target": target, "provider": provider})


def finish(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take the provider's answer: sign in, register, or connect the account."""
    return _run(OAuth2CallbackView, request, provider_id)


def _run(view: type, request: HttpRequest, provider_id: str) -> HttpResponse:
    if provider_of(provider_id) is None:
        raise Http404
    client = IssuerClient(request, provider_id)
    run = cast("Callable[[HttpRequest], HttpResponse]", view.adapter_view(client))  # type: ignore[attr-defined]
    try:
        return run(request)
    except (RequestException, ProviderException, ImproperlyConfigured, ValueError) as error:
        # The provider cannot be reached, or what it says about itself cannot be used.
        failed = render_authentication_error(request, client.get_provider(), exception=error)
        return cast("HttpResponse", failed)
