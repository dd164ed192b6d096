"""Export the files of a frozen release: as a folder or as one zip."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from annotation import storage
from annotation.errors import Conflict, Invalid, NotFound
from annotation.formats import archive
from annotation.formats.manifest import MANIFEST
from annotation.models import Release, ReleaseItem

_COPY_BYTES = 1024**2


def export_release(
    *, release: Release, folder: Path, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Copy a frozen release into `folder`, which must be new or empty; return the folder.

    The files are written to a temporary folder beside it, which is then renamed: a kill leaves no
    half release. Raises Invalid for a full folder, NotFound or Conflict if the release is not
    frozen, has failed, or contains an erased image.
    """
    _require_frozen(release)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid(f"{folder} is not empty: name a new folder.", field="out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        total = release.items.count()
        for number, (path, key) in enumerate(_paths_and_keys(release), start=1):
            target = staging / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # Copied, not checked out: a checkout may be a link, and people may write to this file.
            with storage.open(key) as stored, target.open("xb") as out:
                shutil.copyfileobj(stored, out, _COPY_BYTES)
            if progress:
                progress(number, total)
        staging.chmod(0o755)
        os.replace(staging, folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return folder


def stream_release(release: Release) -> Iterator[bytes]:
    """Yield the release as one zip, with the same bytes at every download.

    Raises NotFound or Conflict before the first byte, like `export_release`.
    """
    _require_frozen(release)
    root = f"{release.project.slug}-{release.version}"
    return archive.stream_zip(
        (f"{root}/{path}", partial(storage.read, key)) for path, key in _paths_and_keys(release)
    )


def _paths_and_keys(release: Release) -> Iterator[tuple[str, str]]:
    rows = ReleaseItem.objects.filter(release=release).order_by("path")
    return rows.values_list("path", "key").iterator(chunk_size=1000)


def _require_frozen(release: Release) -> None:
    if release.state == Release.State.FAILED:
        raise Conflict(
            f"Release {release.version} failed: {release.failure}", code="release_failed"
        )
    if release.state != Release.State.FROZEN:
        raise NotFound(
            f"Release {release.version} is being made: {release.done} of {release.total} masks.",
            code="release_not_frozen",
        )
    if not release.items.filter(path=MANIFEST).exists():
        raise NotFound(f"Release {release.version} has lost its manifest.", code="missing_bytes")
    if any(storage.is_erased(key) for _, key in _paths_and_keys(release)):
        raise Conflict(
            f"Release {release.version} is no longer available: an image in it was erased on "
            "request. Ask for a new version, which leaves it out.",
            code="erased",
        )
