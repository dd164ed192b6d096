"""Sign releases with the server's own key, which is made at the first release.

The private key is a file that only the server's account can read. A release and the database never
hold it. To change the key, move its file away: the next release gets a new key, and the public keys
of former releases stay in their file.
"""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from annotation.errors import Refused
from annotation.formats.signature import key_id_of, pem_of, signature_bytes
from annotation.selectors.releases.signing_keys import (
    known_public_keys,
    private_key_file,
    public_keys_file,
)

log = logging.getLogger(__name__)


def sign_manifest(manifest_sha256: str) -> bytes:
    """Return `signature.json` for a manifest; make the server's key at the first call.

    Raises Refused if the key file is damaged.
    """
    key = _private_key()
    _publish(key)
    return signature_bytes(key, manifest_sha256)


def _private_key() -> Ed25519PrivateKey:
    path = private_key_file()
    if not path.exists():
        _make_key(path)
    if path.stat().st_mode & 0o077:
        log.warning("%s could be read by other accounts; its mode is set to 600", path)
        path.chmod(0o600)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused(
            f"The file {path.name} on the server holds no usable signing key. Restore it from the "
            "backup. If it is lost, move it away: the next release then gets a new key.",
            code="bad_signing_key",
        )
    return key


def _make_key(path: Path) -> None:
    """Make a key and give it its name in one step: two workers then use the same key."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        os.link(staged, path)
    except FileExistsError:
        log.info("another worker made the signing key first")
    finally:
        staged.unlink(missing_ok=True)


def _publish(key: Ed25519PrivateKey) -> None:
    """Add the public key to the file of public keys, unless it is there."""
    public_key = key.public_key()
    if key_id_of(public_key) not in known_public_keys():
        with public_keys_file().open("a") as out:
            out.write(pem_of(public_key))
