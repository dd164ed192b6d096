"""Sign the manifest of a release with ed25519, and check signatures. No file is opened here.

A signature covers `_DOMAIN` and the sha256 of the manifest, and the manifest covers every other
file. `_DOMAIN` says what is signed, so a signature made for anything else is of no use here.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE = "signature.json"
ALGORITHM = "ed25519"
_SCHEMA = 1
_DOMAIN = b"roundtruth release manifest v1\n"
_PEM_BEGIN = re.compile(rb"-----BEGIN ([A-Z ]+)-----")


class SignatureError(ValueError):
    """A key or a signature cannot be used; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The content of `signature.json`. `public_key` is only a claim until its id is trusted."""

    key_id: str
    public_key: Ed25519PublicKey
    value: bytes


def key_id_of(public_key: Ed25519PublicKey) -> str:
    """Return the id of a key: the sha256 (hex) of its 32 bytes. It tells old keys from new ones."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()


def signature_bytes(private_key: Ed25519PrivateKey, manifest_sha256: str) -> bytes:
    """Return `signature.json` for a manifest: the same key and manifest give the same bytes."""
    public_key = private_key.public_key()
    document = {
        "schema": _SCHEMA,
        "algorithm": ALGORITHM,
        "key_id": key_id_of(public_key),
        "public_key": pem_of(public_key),
        "signed": f"{_DOMAIN.decode()}SHA256",
        "manifest_sha256": manifest_sha256,
        "signature": base64.b64encode(private_key.sign(_message(manifest_sha256))).decode(),
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def read_signature(data: bytes) -> Signature:
    """Return what `signature.json` holds. Raises SignatureError."""
    try:
        document = json.loads(data)
        algorithm, stated_id = document["algorithm"], document["key_id"]
        (public_key,) = public_keys(document["public_key"].encode()).values()
        value = base64.b64decode(document["signature"], validate=True)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, binascii.Error):
        raise SignatureError("it is not a signature of Roundtruth.") from None
    if algorithm != ALGORITHM or stated_id != key_id_of(public_key):
        raise SignatureError("its key does not have the id or the kind that it states.")
    return Signature(key_id_of(public_key), public_key, value)


def is_signed_by(public_key: Ed25519PublicKey, signature: Signature, manifest_sha256: str) -> bool:
    """Say whether this key made the signature for this manifest."""
    try:
        public_key.verify(signature.value, _message(manifest_sha256))
    except InvalidSignature:
        return False
    return True


def pem_of(public_key: Ed25519PublicKey) -> str:
    """Return a public key as the three lines of a PEM block."""
    return public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def public_keys(data: bytes) -> Mapping[str, Ed25519PublicKey]:
    """Return the public keys of a PEM file by their id, in its order. Raises SignatureError."""
    keys = [_key_in(kind, block) for kind, block in _blocks(data)]
    if not keys:
        raise SignatureError("it holds no public key in PEM form.")
    return {key_id_of(key): key for key in keys}


def usable_public_keys(data: bytes) -> Mapping[str, Ed25519PublicKey]:
    """Return the public keys like `public_keys`, but skip every block that is no usable key."""
    keys: dict[str, Ed25519PublicKey] = {}
    for kind, block in _blocks(data):
        with contextlib.suppress(SignatureError):
            key = _key_in(kind, block)
            keys[key_id_of(key)] = key
    return keys


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the text of each PEM block.

    A block ends where the next one begins: a block without an end takes no other block with it.
    """
    begins = list(_PEM_BEGIN.finditer(data))
    for number, begin in enumerate(begins, start=1):
        end = begins[number].start() if number < len(begins) else len(data)
        yield begin[1], data[begin.start() : end]


def _key_in(kind: bytes, block: bytes) -> Ed25519PublicKey:
    if kind != b"PUBLIC KEY":
        raise SignatureError(f"it holds a {kind.decode()}; a PUBLIC KEY is needed.")
    try:
        key = serialization.load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError("it holds a damaged key.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError("it holds a key of another kind than ed25519.")
    return key


def _message(manifest_sha256: str) -> bytes:
    return _DOMAIN + manifest_sha256.encode()
