"""The QaTa-COV19 folder layout: Images/x.png, Ground-truths/mask_x.png, and its manifest.

Where the lungs are known, Lung-masks/lung_x.png lies beside them.

Knows paths, the manifest's JSON and how to verify a folder against it; needs no database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

SCHEMA = 1
MANIFEST = "manifest.json"
CHECKSUM = "manifest.json.sha256"


@dataclass(frozen=True, slots=True)
class EditFigures:
    """What a reader's edit cost; pixels at the image's size, contour in pixel edges."""

    added_pixels: int
    removed_pixels: int
    redrawn_contour: int
    agreement: float | None
    active_seconds: float
    strokes: int


@dataclass(frozen=True, slots=True)
class ReleasedMask:
    """One image and its mask, with the mask's biography.

    `candidate` is what the mask was made from: a kind of proposal, `manual` or `none`; `drawn_by`
    is who drew the manual one, where that is known, and `reader` who decided. `severity` is that of
    this mask in the lung mask named beside it: a reference, or the ensemble's of `lung_round`.
    """

    image: str
    mask: str
    label: str
    width: int
    height: int
    bits: int
    group: str
    view: str
    day: int | None
    patient: str
    split: str
    fold: int
    infected_pixels: int
    verdict: str
    method: str
    provenance: str
    round: int | None
    candidate: str
    drawn_by: str | None
    network: str | None
    threshold: int | None
    reader: str | None
    origin: str
    licence: str
    edit: EditFigures | None
    lung_mask: str | None = None
    lung_provenance: Literal["reference", "ensemble"] | None = None
    lung_round: int | None = None
    severity: dict[str, object] | None = None

    @property
    def grade(self) -> str | None:
        """The grade of severity, where the lungs are known."""
        return None if self.severity is None else str(self.severity["grade"] or "not graded")


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """One file of the folder; `path` is relative, with forward slashes."""

    path: str
    sha256: str
    size: int


def image_path(name: str) -> str:
    """Return where the radiograph called `name` lies."""
    return f"Images/{name}.png"


def mask_path(name: str) -> str:
    """Return where the mask of the radiograph called `name` lies."""
    return f"Ground-truths/mask_{name}.png"


def lung_path(name: str) -> str:
    """Return where the lung mask of the radiograph called `name` lies."""
    return f"Lung-masks/lung_{name}.png"


def manifest_bytes(
    *,
    project: str,
    version: str,
    asked_at: str,
    masks: Iterable[ReleasedMask],
    files: Iterable[ReleasedFile],
    counts: dict[str, int],
) -> bytes:
    """Return the manifest as stable JSON: sorted, so that the same release has the same bytes."""
    document = {
        "schema": SCHEMA,
        "format": "qata",
        "project": project,
        "version": version,
        "asked_at": asked_at,
        "mask_encoding": "8-bit grey PNG, 0 background, 255 infection or lung, at the image's size",
        "counts": counts,
        "masks": [asdict(mask) for mask in sorted(masks, key=lambda mask: mask.image)],
        "files": {
            file.path: {"sha256": file.sha256, "bytes": file.size}
            for file in sorted(files, key=lambda file: file.path)
        },
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Verification:
    """What is wrong with a folder; empty lists mean that it is the release."""

    checked: int
    missing: list[str]
    changed: list[str]
    extra: list[str]
    broken: list[str]

    @property
    def holds(self) -> bool:
        return not (self.missing or self.changed or self.extra or self.broken)


def verify_folder(
    folder: Path, *, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Compare every file of `folder` with its manifest; nothing is read outside the folder."""
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
    found = {
        str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if not path.is_dir()
    }
    return Verification(len(listed), missing, changed, sorted(found - known), [])


def _listed_files(data: bytes) -> dict[str, str]:
    """Return path -> sha256, refusing paths that lead out of the folder."""
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
    """Hold the manifest itself against the checksum beside it."""
    checksum = folder / CHECKSUM
    if not checksum.is_file():
        missing.append(CHECKSUM)
    elif checksum.read_text().split(maxsplit=1)[:1] != [hashlib.sha256(data).hexdigest()]:
        changed.append(MANIFEST)


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
