"""Check whether a released folder agrees with its manifest, and who signed the manifest.

No database and no layout is needed. Nothing outside the folder is read, and no link is followed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from annotation.formats.manifest import CHECKSUM, MANIFEST
from annotation.formats.plain_files import Contents, hash_plain, list_contents, read_plain, shown
from annotation.formats.signature import (
    SIGNATURE,
    Signature,
    SignatureError,
    is_signed_by,
    read_signature,
)

Origin = Literal["not checked", "proved", "refuted"]
_UNLISTED = (MANIFEST, CHECKSUM, SIGNATURE)


@dataclass(frozen=True, slots=True)
class Trust:
    """What the caller knows of the release from elsewhere: its server's keys, or its hash.

    `keys` are public keys by their id. `manifest_sha256` is in hex. Without both, nothing can be
    said about the origin.
    """

    keys: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)
    manifest_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """The files in which a folder differs from its manifest, and the number of checked files.

    `broken` says why the manifest or its signature cannot be used. `not_plain` are links, pipes
    and devices. `signed_by` is the id of the key that made the signature. It proves an origin only
    if the caller trusts this key: then `origin` is `proved`.
    """

    checked: int
    missing: list[str]
    changed: list[str]
    extra: list[str]
    broken: list[str]
    not_plain: list[str] = field(default_factory=list)
    manifest_sha256: str = ""
    signed_by: str | None = None
    origin: Origin = "not checked"

    @property
    def holds(self) -> bool:
        """Say whether the folder is the release, without any difference."""
        differs = self.missing or self.changed or self.extra or self.broken or self.not_plain
        return not differs and self.origin != "refuted"


NO_TRUST = Trust()


def verify_folder(
    folder: Path,
    *,
    trust: Trust = NO_TRUST,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Compare everything in `folder` with its manifest, and the manifest with `trust`."""
    contents = list_contents(folder)
    not_plain = [f"{shown(path)} ({kind})" for path, kind in sorted(contents.others.items())]
    if MANIFEST not in contents.files:
        missing = [] if MANIFEST in contents.others else [MANIFEST]
        return Verification(0, missing, [], [], [], not_plain, origin=_unproved(trust))
    try:
        data = read_plain(folder / MANIFEST)
        listed = _listed_files(data)
    except OSError as error:
        reason = f"{MANIFEST}: it cannot be read: {error.strerror}"
        return Verification(0, [], [], [], [reason], not_plain, origin=_unproved(trust))
    except ValueError as error:
        reason = f"{MANIFEST}: {error}"
        return Verification(0, [], [], [], [reason], not_plain, origin=_unproved(trust))
    missing, changed = [], []
    for number, (path, digest) in enumerate(sorted(listed.items()), start=1):
        if path in contents.files:
            if _digest(folder / path) != digest:
                changed.append(shown(path))
        elif path not in contents.others:
            missing.append(shown(path))
        if progress:
            progress(number, len(listed))
    _check_checksum(folder, contents, data, missing, changed)
    sha256 = hashlib.sha256(data).hexdigest()
    signature, broken = _read_signature(folder, contents, sha256)
    reasons = _doubts(trust, sha256, signature)
    return Verification(
        checked=len(listed),
        missing=missing,
        changed=changed,
        extra=_extra(contents, {*listed, *_UNLISTED}),
        broken=[*broken, *reasons],
        not_plain=not_plain,
        manifest_sha256=sha256,
        signed_by=signature.key_id if signature else None,
        origin=_unproved(trust) if reasons or broken or trust == NO_TRUST else "proved",
    )


def _unproved(trust: Trust) -> Origin:
    return "not checked" if trust == NO_TRUST else "refuted"


def _listed_files(data: bytes) -> dict[str, str]:
    """Return path -> sha256. Raise ValueError for a path that is odd or leads out of the folder."""
    try:
        files = json.loads(data, object_pairs_hook=_without_repetition)["files"]
        listed = {str(path): str(entry["sha256"]) for path, entry in files.items()}
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise ValueError("it is not a Roundtruth manifest") from None
    for path in listed:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
            raise ValueError(f"it names a file outside the folder: {shown(path)}")
        if not pure.parts or pure.as_posix() != path or path in _UNLISTED:
            raise ValueError(f"it names a file in an unusual way: {shown(path)}")
    return listed


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return one JSON object. Two programs may read a repeated name in two ways: refuse it."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is repeated")
    return dict(pairs)


def _digest(file: Path) -> str:
    """Return the sha256 of a file; an empty text if it cannot be read, which matches no hash."""
    try:
        return hash_plain(file)
    except OSError:
        return ""


def _check_checksum(
    folder: Path, contents: Contents, data: bytes, missing: list[str], changed: list[str]
) -> None:
    """Compare the manifest itself with the checksum beside it."""
    if CHECKSUM not in contents.files:
        missing.extend([CHECKSUM] if CHECKSUM not in contents.others else [])
        return
    try:
        stated = read_plain(folder / CHECKSUM).split(maxsplit=1)[:1]
    except OSError:
        stated = []
    if stated != [hashlib.sha256(data).hexdigest().encode()]:
        changed.append(MANIFEST)


def _extra(contents: Contents, known: set[str]) -> list[str]:
    """Return files and folders that the manifest does not need; a folder ends with a slash."""
    needed = {parent.as_posix() for path in known for parent in PurePosixPath(path).parents}
    files = [shown(path) for path in contents.files - known]
    folders = [f"{shown(path)}/" for path in contents.folders - needed]
    return sorted(files + folders)


def _read_signature(
    folder: Path, contents: Contents, sha256: str
) -> tuple[Signature | None, list[str]]:
    """Return the signature if it is one of this manifest, and the reasons why it is not."""
    if SIGNATURE not in contents.files:
        return None, []
    try:
        signature = read_signature(read_plain(folder / SIGNATURE))
    except OSError as error:
        return None, [f"{SIGNATURE}: it cannot be read: {error.strerror}"]
    except SignatureError as error:
        return None, [f"{SIGNATURE}: {error}"]
    if not is_signed_by(signature.public_key, signature, sha256):
        return None, [f"{SIGNATURE}: it was not made for this manifest."]
    return signature, []


def _doubts(trust: Trust, sha256: str, signature: Signature | None) -> list[str]:
    """Return why the release does not come from where the caller says."""
    reasons = []
    if trust.manifest_sha256 and trust.manifest_sha256.lower() != sha256:
        reasons.append(f"origin: {MANIFEST} has the sha256 {sha256}, which is not the given one.")
    if trust.keys and signature is None:
        reasons.append("origin: the release has no valid signature, so no key can prove it.")
    elif trust.keys and signature is not None and signature.key_id not in trust.keys:
        reasons.append(f"origin: key {signature.key_id} signed it, which is not a given key.")
    return reasons
