"""Export one part of a frozen release, as a folder or as one zip. Each export is in the audit."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from annotation import storage
from annotation.errors import Conflict, Invalid, NotFound
from annotation.formats import archive
from annotation.formats.manifest import MANIFEST
from annotation.formats.released import Part
from annotation.models import Release, ReleaseItem, User
from annotation.selectors.releases.parts import FOLDERS
from annotation.services import audit

_COPY_BYTES = 1024**2


def export_release(
    *,
    release: Release,
    folder: Path,
    part: Part = "open",
    actor: User | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Copy a part of a frozen release into `folder`, which must be new or empty; return the folder.

    The files are written to a temporary folder beside it, which is then renamed: a kill leaves no
    half release. Raises Invalid for a full folder, NotFound or Conflict if the release is not
    frozen, has failed, has no such part, or contains an erased image.
    """
    _require_frozen(release, part)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid(f"{folder} is not empty: name a new folder.", field="out")
    _record(release, part, actor, verb="export_release")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        files = list(_paths_and_keys(release, part))
        for number, (path, key) in enumerate(files, start=1):
            target = staging / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # Copied, not checked out: a checkout may be a link, and people may write to this file.
            with storage.open(key) as stored, target.open("xb") as out:
                shutil.copyfileobj(stored, out, _COPY_BYTES)
            if progress:
                progress(number, len(files))
        _open_to_operator(staging)
        os.replace(staging, folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return folder


def _open_to_operator(folder: Path) -> None:
    """Give a copy the modes that a copy by hand would have; stored files are private."""
    for path in (folder, *folder.rglob("*")):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~settings.OPERATOR_UMASK)


def download_release(*, release: Release, part: Part, actor: User | None) -> Iterator[bytes]:
    """Record the download and yield the part as one zip, with the same bytes at every download.

    Raises NotFound or Conflict before the first byte, like `export_release`.
    """
    _require_frozen(release, part)
    _record(release, part, actor, verb="download_release")
    root = archive_name(release, part)
    return archive.stream_zip(
        (f"{root}/{path}", partial(storage.read, key))
        for path, key in _paths_and_keys(release, part)
    )


def archive_name(release: Release, part: Part) -> str:
    """Return the name of the zip and of the folder in it, without an extension."""
    name = f"{release.project.slug}-{release.version}"
    return name if part == "open" else f"{name}-{part}"


def _record(release: Release, part: Part, actor: User | None, *, verb: str) -> None:
    with transaction.atomic():
        audit.record(
            project=release.project,
            actor=actor,
            verb=verb,
            target=release.id,
            facts={"version": release.version, "part": part},
        )


def _paths_and_keys(release: Release, part: Part) -> Iterator[tuple[str, str]]:
    """Yield the path in its own folder and the key of each file of a part."""
    sealed = FOLDERS["sealed"]
    rows = ReleaseItem.objects.filter(release=release).order_by("path")
    is_sealed = Q(path__startswith=sealed)
    rows = rows.filter(is_sealed if part == "sealed" else ~is_sealed)
    for path, key in rows.values_list("path", "key").iterator(chunk_size=1000):
        yield path.removeprefix(FOLDERS[part]), key


def _require_frozen(release: Release, part: Part) -> None:
    if release.state == Release.State.FAILED:
        raise Conflict(
            f"Release {release.version} failed: {release.failure}", code="release_failed"
        )
    if release.state != Release.State.FROZEN:
        raise NotFound(
            f"Release {release.version} is being made: {release.done} of {release.total} masks.",
            code="release_not_frozen",
        )
    if not release.items.filter(path=f"{FOLDERS[part]}{MANIFEST}").exists():
        if part == "sealed":
            raise NotFound(
                f"Release {release.version} has no sealed part: no sealed image is in it, or it is "
                "older than sealed parts.",
                code="no_sealed_part",
            )
        raise NotFound(f"Release {release.version} has lost its manifest.", code="missing_bytes")
    if any(storage.is_erased(key) for _, key in _paths_and_keys(release, part)):
        raise Conflict(
            f"Release {release.version} is no longer available: an image in it was erased on "
            "request. Ask for a new version, which leaves it out.",
            code="erased",
        )
