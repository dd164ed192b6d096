"""Check whether a released folder agrees with its manifest. No database and no layout is needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from annotation.formats.manifest import CHECKSUM, MANIFEST


@dataclass(frozen=True, slots=True)
class Verification:
    """The files in which a folder differs from its manifest, and the number of checked files.

    `broken` says why the manifest itself cannot be used.
    """

    checked: int
    missing: list[str]
    changed: list[str]
    extra: list[str]
    broken: list[str]

    @property
    def holds(self) -> bool:
        """Say whether the folder is the release, without any difference."""
        return not (self.missing or self.changed or self.extra or self.broken)


def verify_folder(
    folder: Path, *, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Compare every file of `folder` with its manifest; nothing outside the folder is read."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return Verification(0, [MANIFEST], [], [], [])
    data = manifest.read_bytes()
    try:
        listed = _listed_files(data)
    except ValueError as error:
        return Verification(0, [], [], [], [f"{MANIFEST}: {error}"])
    missing, changed = [], []
    for number, (path, digest) in enumerate(sorted(listed.items()), start=1):
        file = folder / path
        if not file.is_file():
            missing.append(path)
        elif file.is_symlink() or _sha256(file) != digest:
            changed.append(path)
        if progress:
            progress(number, len(listed))
    _check_checksum(folder, data, missing, changed)
    known = {*listed, MANIFEST, CHECKSUM}
    present = {
        str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if not path.is_dir()
    }
    return Verification(len(listed), missing, changed, sorted(present - known), [])


def _listed_files(data: bytes) -> dict[str, str]:
    """Return path -> sha256; raise ValueError for a path that leads out of the folder."""
    try:
        files = json.loads(data)["files"]
        listed = {str(path): str(entry["sha256"]) for path, entry in files.items()}
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("it is not a Roundtruth manifest") from None
    for path in listed:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in path:
            raise ValueError(f"it names a file outside the folder: {path}")
    return listed


def _check_checksum(folder: Path, data: bytes, missing: list[str], changed: list[str]) -> None:
    """Compare the manifest itself with the checksum beside it."""
    checksum = folder / CHECKSUM
    if not checksum.is_file():
        missing.append(CHECKSUM)
    elif checksum.read_text().split(maxsplit=1)[:1] != [hashlib.sha256(data).hexdigest()]:
        changed.append(MANIFEST)


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
