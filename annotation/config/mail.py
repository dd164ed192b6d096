"""Read the mail server from one setting."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_PORTS = {"smtp": 587, "smtps": 465, "smtp-plain": 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server, and how to talk to it."""

    host: str
    port: int
    user: str
    password: str
    starttls: bool
    tls: bool


def read_smtp(url: str) -> MailServer | None:
    """Return the server of `smtp://user:password@host:port`; None for an empty text.

    `smtp` encrypts by STARTTLS, `smtps` from the first byte. `smtp-plain` does not encrypt.
    Raises ImproperlyConfigured for any other address. The message does not repeat the password.
    """
    if not url:
        return None
    form = "ROUNDTRUTH_SMTP is smtp://, smtps:// or smtp-plain://, then user:password@host:port."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(form) from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ImproperlyConfigured(form)
    return MailServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp",
        tls=parts.scheme == "smtps",
    )
