"""Bytes in, content-addressed key out; the only place that touches stored files.

Keys are `projects/{uuid}/sha256/ab/{hex}`: a project never shares bytes with another, so that
erasing one person's project cannot leave or break bytes elsewhere. No URL is ever made from a key.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from uuid import UUID

from django.conf import settings

from annotation.errors import NotFound

_KEY = re.compile(r"projects/[0-9a-f-]{36}/sha256/[0-9a-f]{2}/[0-9a-f]{64}")
_TOMBSTONE = b"roundtruth: erased\n"


def put(project_id: UUID, data: bytes) -> str:
    """Store `data` once and return its key; storing the same bytes again is free."""
    digest = hashlib.sha256(data).hexdigest()
    key = f"projects/{project_id}/sha256/{digest[:2]}/{digest}"
    path = local_path(key)
    if not path.exists():
        _write_atomically(path, data)
    return key


def read(key: str) -> bytes:
    """Return the bytes of `key`; raise NotFound where they are missing or were erased."""
    try:
        data = local_path(key).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"The stored file {key} is missing.", code="missing_bytes") from None
    if data == _TOMBSTONE:
        raise NotFound("These bytes were erased on request.", code="erased")
    return data


def erase(key: str) -> None:
    """Replace the bytes by a tombstone: the key stays known, the content is gone."""
    _write_atomically(local_path(key), _TOMBSTONE)


def digest_of(key: str) -> str:
    """Return the sha256 (hex) that `key` names."""
    return key.rsplit("/", 1)[1]


def local_path(key: str) -> Path:
    """Return the file of `key`; anything that is not a well-formed key is refused."""
    if not _KEY.fullmatch(key):
        raise NotFound(f"{key!r} is not a storage key.", code="bad_key")
    return Path(settings.DATA_ROOT) / "store" / key


def _write_atomically(path: Path, data: bytes) -> None:
    """Write beside, flush to disk, rename: a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
