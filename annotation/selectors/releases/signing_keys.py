"""Where the server keeps its signing key, and the public keys that the releases page shows."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from annotation.formats.signature import pem_of, usable_public_keys


def private_key_file() -> Path:
    """Return the path of the private key. It is beside the secret key, and in no database."""
    return Path(settings.DATA_ROOT) / "release_signing_key"


def public_keys_file() -> Path:
    """Return the path of the public keys: one PEM block for each key that the server ever had."""
    return Path(settings.DATA_ROOT) / "release_public_keys.pem"


def known_public_keys() -> dict[str, str]:
    """Return the server's public keys as PEM by their id, the oldest first.

    It is empty before the first release. Damaged blocks are skipped. If the current key is in a
    damaged block, the next release adds it again.
    """
    try:
        keys = usable_public_keys(public_keys_file().read_bytes())
    except FileNotFoundError:
        return {}
    return {key_id: pem_of(key) for key_id, key in keys.items()}
