"""Second factors of accounts, and the codes of an authenticator app."""

from __future__ import annotations

import time

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value

from annotation.models import User


def code_of(secret: str) -> str:
    """Return the code that an app with this key shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def give_app(user: User) -> str:
    """Give the account an authenticator app and recovery codes; return the key of the app."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret
