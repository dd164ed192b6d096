"""Check that a folder is the sealed part of the release in another folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from annotation.formats.manifest import MANIFEST, sealed_sha256_in
from annotation.formats.plain_files import read_plain
from annotation.formats.verification import Verification, verify_folder


def verify_sealed_part(
    opened: Path, sealed: Path, *, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Verify the folder `sealed`, and that the manifest in `opened` names its manifest.

    `opened` must have been verified: an origin that was proved for it is then proved for both.
    """
    verified = verify_folder(sealed, progress=progress)
    if not verified.manifest_sha256:
        return verified
    stated = sealed_sha256_in(read_plain(opened / MANIFEST))
    if stated is None:
        reason = f"{opened} is a release without a sealed part."
    elif stated != verified.manifest_sha256:
        reason = f"{MANIFEST}: it is not the sealed part that the manifest in {opened} names."
    else:
        return verified
    return replace(verified, broken=[*verified.broken, reason])
