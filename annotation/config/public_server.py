"""The rules that a server's host names, secret key and address must meet before it starts.

Pure functions on the values of the environment variables. Each refusal says what to set instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured

from annotation.addresses import is_loopback

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
MIN_KEY_LENGTH = 50
_MIN_DIFFERENT_CHARACTERS = 5
_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]")
_LIST_NAMES = "List the names that people type, such as reading.example.org."


def parse_hosts(text: str) -> list[str]:
    """Return the host names in ROUNDTRUTH_HOSTS; an empty list means that only loopback is served.

    Raises ImproperlyConfigured for a wildcard, for a name of this machine and for anything that is
    no host name.
    """
    hosts = [host.strip().lower() for host in text.split(",") if host.strip()]
    for host in hosts:
        if "*" in host or host.startswith("."):
            raise ImproperlyConfigured(
                f"ROUNDTRUTH_HOSTS contains {host!r}, which accepts any name. {_LIST_NAMES}"
            )
        if not _HOST_NAME.fullmatch(host):
            raise ImproperlyConfigured(
                f"ROUNDTRUTH_HOSTS contains {host!r}, which is not a host name. Write it without "
                f"https://, port or path. {_LIST_NAMES}"
            )
        if is_loopback(host) or host in ("0.0.0.0", "[::]"):  # noqa: S104
            raise ImproperlyConfigured(
                f"ROUNDTRUTH_HOSTS contains {host!r}, a name of this machine itself. {_LIST_NAMES} "
                "To serve this machine only, leave ROUNDTRUTH_HOSTS empty."
            )
    return hosts


def parse_proxies(text: str, *, hosts: Sequence[str]) -> int:
    """Return how many proxies of ours stand in front: by default one on a public server."""
    if not text:
        return 1 if hosts else 0
    if not text.isascii() or not text.isdigit() or int(text) > 9:
        raise ImproperlyConfigured(
            f"ROUNDTRUTH_PROXIES is {text!r}. Write the number of proxies between the browsers and "
            "this server, from 0 to 9."
        )
    return int(text)


def parse_idle_minutes(text: str, *, hosts: Sequence[str]) -> timedelta:
    """Return the time without activity after which a session ends: 30 minutes on a public server.

    Zero: it does not end.
    """
    if not text:
        return timedelta(minutes=30 if hosts else 0)
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise ImproperlyConfigured(
            f"ROUNDTRUTH_IDLE_MINUTES is {text!r}. Write the minutes without activity after "
            "which a session ends, such as 30, or 0 for never."
        )
    return timedelta(minutes=float(text))


def parse_contact(text: str) -> str:
    """Return the address in ROUNDTRUTH_SECURITY_CONTACT; security.txt knows only these kinds."""
    if text and not re.fullmatch(r"(mailto:|https://|tel:)[!-~]+", text):
        raise ImproperlyConfigured(
            f"ROUNDTRUTH_SECURITY_CONTACT is {text!r}. Write mailto:NAME@HOST, https://PAGE or "
            "tel:+NUMBER, or leave it empty."
        )
    return text


def allowed_hosts(hosts: Sequence[str]) -> list[str]:
    """Return the accepted values of the Host header.

    A public server does not accept the names of loopback: a stranger can send them, and links in
    e-mail are made from this header.
    """
    return list(hosts or LOOPBACK_HOSTS)


def check_bind(bind: str, *, hosts: Sequence[str]) -> None:
    """Refuse an address that other machines can reach, unless the server knows its public names."""
    if hosts or all(_is_local(address.strip()) for address in bind.split(",")):
        return
    raise ImproperlyConfigured(
        f"ROUNDTRUTH_BIND is {bind!r}, which other machines can reach, but ROUNDTRUTH_HOSTS is "
        f"empty. Set ROUNDTRUTH_HOSTS. {_LIST_NAMES} Or set ROUNDTRUTH_BIND=127.0.0.1:8000."
    )


def check_secret_key(key: str, *, source: str) -> None:
    """Refuse a key that can be guessed; `source` says where the key came from."""
    if len(key) < MIN_KEY_LENGTH or len(set(key)) < _MIN_DIFFERENT_CHARACTERS:
        raise ImproperlyConfigured(
            f"The secret key in {source} is too weak: it needs {MIN_KEY_LENGTH} random characters. "
            'Make one with: python -c "import secrets; print(secrets.token_urlsafe(50))"'
        )


def check_development_settings(*, hosts: Sequence[str], names: Sequence[str]) -> None:
    """Refuse the settings `names`, which are for development, on a public server."""
    if hosts and names:
        raise ImproperlyConfigured(
            f"{names[0]} cannot be used on a public server. Unset it, or empty ROUNDTRUTH_HOSTS."
        )


def _is_local(address: str) -> bool:
    """Return whether only this machine can reach a gunicorn address, as `HOST:PORT` or `unix:`."""
    if address.startswith("unix:"):
        return True
    host = address.removeprefix("tcp://").lower()
    if not host.endswith("]") and ":" in host:
        host = host.rpartition(":")[0]
    return is_loopback(host)
