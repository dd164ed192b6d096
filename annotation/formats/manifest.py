"""The manifest of a release: every file with its hash, and every mask with its biography, as JSON.

It belongs to one part of the release. A layout adds only the paths of an image's parts. The open
part's manifest names the sealed part by the hash of its manifest, and by nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

from annotation.formats.registry import Layout
from annotation.formats.released import ReleasedImage, ReleaseRecord

SCHEMA = 1
MANIFEST = "manifest.json"
CHECKSUM = "manifest.json.sha256"


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """One file of the folder; `path` is relative, with forward slashes."""

    path: str
    sha256: str
    size: int


def folder_of(layout: Layout, layouts: Sequence[Layout]) -> str:
    """Return the folder of one layout's files in a release of `layouts`, with a slash at its end.

    A single layout has none: its files are at the top, where other tools expect them. If there are
    several layouts, each has a folder with its name.
    """
    return "" if len(layouts) == 1 else f"{layout.name}/"


def manifest_bytes(
    record: ReleaseRecord,
    layouts: Sequence[Layout],
    files: Iterable[ReleasedFile],
    *,
    sealed_sha256: str | None = None,
) -> bytes:
    """Return the manifest as stable JSON: sorted, so that the same release has the same bytes.

    `sealed_sha256` is the sha256 of the sealed part's manifest, for the manifest of the open part.
    """
    document = {
        "schema": SCHEMA,
        **_about_layouts(layouts),
        "project": record.project,
        "version": record.version,
        "asked_at": record.asked_at,
        "part": record.part,
        **({"sealed_manifest_sha256": sealed_sha256} if record.part == "open" else {}),
        **({"audit": dict(record.audit)} if record.audit else {}),
        "counts": record.counts,
        "masks": [
            _facts(image) | _part_paths(image, layouts)
            for image in sorted(record.images, key=lambda image: image.name)
        ],
        "files": {
            file.path: {"sha256": file.sha256, "bytes": file.size}
            for file in sorted(files, key=lambda file: file.path)
        },
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def sealed_sha256_in(manifest: bytes) -> str | None:
    """Return the sha256 of the sealed part's manifest that an open part's manifest names.

    None if the release has no sealed part, or is older than sealed parts.
    """
    try:
        sha256 = json.loads(manifest).get("sealed_manifest_sha256")
    except (ValueError, AttributeError, RecursionError):
        return None
    return sha256 if isinstance(sha256, str) else None


def checksum_bytes(manifest_sha256: str) -> bytes:
    """Return the line that `sha256sum --check` reads."""
    return f"{manifest_sha256}  {MANIFEST}\n".encode()


def _about_layouts(layouts: Sequence[Layout]) -> dict[str, object]:
    if len(layouts) == 1:
        return {"format": layouts[0].name, "mask_encoding": layouts[0].mask_encoding}
    return {
        "formats": [layout.name for layout in layouts],
        "mask_encoding": {layout.name: layout.mask_encoding for layout in layouts},
    }


def _facts(image: ReleasedImage) -> dict[str, object]:
    """Return the manifest's facts on one image and its mask; no layout changes them."""
    plain = {
        field.name: getattr(image, field.name)
        for field in fields(image)
        if field.name not in ("name", "edit", "lung")
    }
    lung = image.lung
    return plain | {
        "edit": asdict(image.edit) if image.edit else None,
        "lung_provenance": lung.provenance if lung else None,
        "lung_round": lung.round if lung else None,
        "severity": lung.severity.as_json() if lung else None,
    }


def _part_paths(image: ReleasedImage, layouts: Sequence[Layout]) -> dict[str, object]:
    """Return the paths of one image's parts; of several layouts, relative to each one's folder."""
    if len(layouts) == 1:
        return dict(layouts[0].paths(image))
    return {"paths": {layout.name: dict(layout.paths(image)) for layout in layouts}}
