"""Where the server keeps its signing key, and the public keys that the releases page shows."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from annotation.formats.signature import SignatureError, pem_of, public_keys


def private_key_file() -> Path:
    """Return the path of the private key. It is beside the secret key, and in no database."""
    return Path(settings.DATA_ROOT) / "release_signing_key"


def public_keys_file() -> Path:
    """Return the path of the public keys: one PEM block for each key that the server ever had."""
    return Path(settings.DATA_ROOT) / "release_public_keys.pem"


def known_public_keys() -> dict[str, str]:
    """Return the server's public keys as PEM by their id, the oldest first.

    There is none before the first release. A damaged file counts as empty: the next release writes
    the current key into it again.
    """
    try:
        keys = public_keys(public_keys_file().read_bytes())
    except (FileNotFoundError, SignatureError):
        return {}
    return {key_id: pem_of(key) for key_id, key in keys.items()}
