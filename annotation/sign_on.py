"""The sign-on providers and role names that an operator sets. What is not clear is refused.

A mistake here could give somebody a role, so an unknown key is an error and not ignored.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

ROLES = frozenset({"reader", "adjudicator", "curator", "engineer", "viewer"})
STAFF = "staff"
_KEYS = frozenset(
    {
        "id", "name", "issuer", "client_id", "secret",
        "registers", "checks_second_factor", "scopes", "roles",
    }
)  # fmt: skip
_GRANT_KEYS = frozenset({"claim", "value", "project", "role"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """Who has `value` in `claim` gets `role` in the project with the slug `project`."""

    claim: str
    value: str
    project: str
    role: str


@dataclass(frozen=True, slots=True)
class SignOnProvider:
    """An OpenID Connect provider. `id` is part of its callback address."""

    id: str
    name: str
    issuer: str
    client_id: str
    secret: str
    registers: bool
    checks_second_factor: bool
    scopes: tuple[str, ...]
    grants: tuple[RoleGrant, ...]


def read_role_names(text: str) -> frozenset[str]:
    """Return the names in a comma-separated list; raise ImproperlyConfigured for an unknown one."""
    names = frozenset(name.strip() for name in text.split(",")) - {""}
    if unknown := sorted(names - ROLES - {STAFF}):
        known = ", ".join(sorted(ROLES | {STAFF}))
        raise ImproperlyConfigured(
            f"ROUNDTRUTH_SECOND_FACTOR names {unknown[0]!r}. The names are {known}."
        )
    return names


def read_providers(text: str) -> tuple[SignOnProvider, ...]:
    """Return the providers of a JSON list, or of the file that `text` names.

    Raises ImproperlyConfigured with the provider and the key that is wrong.
    """
    if not text.strip():
        return ()
    if not text.lstrip().startswith("["):
        try:
            text = Path(text.strip()).read_text()
        except OSError as error:
            raise _wrong(
                f"It is neither a JSON list nor a file that can be read: {error}."
            ) from None
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise _wrong(f"Its JSON is broken: {error}.") from None
    if not isinstance(listed, list):
        raise _wrong("It must be a JSON list of providers.")
    providers = tuple(_read_provider(entry) for entry in listed)
    if len({provider.id for provider in providers}) < len(providers):
        raise _wrong("Two providers have the same id.")
    return providers


def _read_provider(entry: object) -> SignOnProvider:
    provider = _object(entry, _KEYS, "A provider")
    slug = _text(provider, "id", "A provider")
    where = f"Provider {slug!r}"
    if not re.fullmatch(r"[a-z0-9-]{1,40}", slug):
        raise _wrong(f"{where}: the id has at most 40 small letters, digits and hyphens.")
    scopes = provider.get("scopes", ["openid", "profile"])
    grants = provider.get("roles", [])
    if not isinstance(scopes, list) or "openid" not in scopes:
        raise _wrong(f"{where}: scopes is a list that holds openid.")
    if not isinstance(grants, list):
        raise _wrong(f"{where}: roles is a list.")
    return SignOnProvider(
        id=slug,
        name=_text(provider, "name", where),
        issuer=_issuer(_text(provider, "issuer", where), where),
        client_id=_text(provider, "client_id", where),
        secret=_text(provider, "secret", where),
        registers=_flag(provider, "registers", where),
        checks_second_factor=_flag(provider, "checks_second_factor", where),
        scopes=tuple(str(scope) for scope in scopes),
        grants=tuple(_read_grant(grant, where) for grant in grants),
    )


def _read_grant(entry: object, where: str) -> RoleGrant:
    grant = _object(entry, _GRANT_KEYS, f"{where}: an entry of roles")
    read = {key: _text(grant, key, where) for key in sorted(_GRANT_KEYS)}
    if read["role"] not in ROLES:
        raise _wrong(f"{where}: there is no role {read['role']!r} to give.")
    return RoleGrant(**read)


def _issuer(issuer: str, where: str) -> str:
    parts = urlsplit(issuer)
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in _LOOPBACK  # for tests on one machine
    )
    if not is_safe or not parts.hostname or parts.query or parts.fragment:
        raise _wrong(f"{where}: the issuer is an https address without query, not {issuer!r}.")
    return issuer


def _object(value: object, keys: frozenset[str], where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _wrong(f"{where} is a JSON object.")
    if unknown := sorted(set(value) - keys):
        raise _wrong(f"{where} has the unknown key {unknown[0]!r}.")
    return value


def _text(source: dict[str, object], key: str, where: str) -> str:
    value = source.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(f"{where} needs the text {key!r}.")
    return value


def _flag(source: dict[str, object], key: str, where: str) -> bool:
    value = source.get(key, False)
    if not isinstance(value, bool):
        raise _wrong(f"{where}: {key!r} is true or false.")
    return value


def _wrong(sentence: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"ROUNDTRUTH_SIGN_ON is wrong. {sentence}")
