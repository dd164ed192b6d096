"""Bytes in, content-addressed key out; the only place that touches stored files.

Keys are `projects/{uuid}/sha256/ab/{hex}`: a project never shares bytes with another, so that
erasing one person's project cannot leave or break bytes elsewhere. No URL is ever made from a key.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import math
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal
from uuid import UUID

from django.conf import settings

from annotation.errors import NotFound

_KEY = re.compile(r"projects/[0-9a-f-]{36}/sha256/[0-9a-f]{2}/[0-9a-f]{64}")
_TOMBSTONE = b"roundtruth: erased\n"
_PNG = b"\x89PNG\r\n\x1a\n"
_WRITING, _ASIDE = ".tmp-", ".aside-"
_FLUSH_THREADS = 16
_LIBC = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def put(project_id: UUID, data: bytes) -> str:
    """Store `data` once and return its key; storing the same bytes again is free.

    Bytes that were erased and are now given anew are somebody else's: the tombstone makes way.
    """
    key, _ = place(project_id, data)
    return key


def place(project_id: UUID, data: bytes) -> tuple[str, bool]:
    """Store like `put`; say besides whether a tombstone made way, so that it can be put back."""
    key = key_of(project_id, hashlib.sha256(data).hexdigest())
    path = local_path(key)
    if (found := _freshened(path)) != "bytes":
        _write_atomically(path, data)
    return key, found == "tombstone"


class Batch:
    """Write many files, then make all of them durable together, before a row names one.

    `put` may be called from several threads. A file gets its name only in `settle`: a kill before
    it leaves no half-written bytes under a key.
    """

    def __init__(self, project_id: UUID) -> None:
        self._project_id = project_id
        self._waiting: dict[str, str] = {}

    def put(self, data: bytes) -> str:
        """Write `data` beside its place and return the key that it will have once settled."""
        key = key_of(self._project_id, hashlib.sha256(data).hexdigest())
        path = local_path(key)
        if key not in self._waiting and _freshened(path) != "bytes":
            name = _write_beside(path, data, flush=False)
            if self._waiting.setdefault(key, name) != name:
                Path(name).unlink()
        return key

    def settle(self) -> None:
        """Flush every file, name it, flush the folders: from then on a row may name them."""
        waiting, self._waiting = self._waiting, {}
        _flush_all(waiting.values())
        for key, name in waiting.items():
            os.replace(name, local_path(key))
        _flush_all({str(local_path(key).parent) for key in waiting})

    def discard(self) -> None:
        """Remove what was written and not settled."""
        waiting, self._waiting = self._waiting, {}
        for name in waiting.values():
            Path(name).unlink(missing_ok=True)


def key_of(project_id: UUID, digest: str) -> str:
    """Return the key under which bytes with this sha256 (hex) are stored."""
    return f"projects/{project_id}/sha256/{digest[:2]}/{digest}"


def size(key: str) -> int:
    """Return how many bytes `key` holds; raise NotFound where they are missing."""
    try:
        return local_path(key).stat().st_size
    except FileNotFoundError:
        raise NotFound(f"The stored file {key} is missing.", code="missing_bytes") from None


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


def is_erased(key: str) -> bool:
    """Say whether a tombstone lies in place of the bytes."""
    return _found(local_path(key)) == "tombstone"


def untouched(project_id: UUID, *, part: str, since: float) -> Iterator[str]:
    """Yield the keys whose digest begins with `part` and that nobody stored since a time.

    What a kill left beside its place is cleared up on the way.
    """
    root = local_path(key_of(project_id, "0" * 64)).parent.parent
    for folder in sorted(root.glob(f"{part}*")):
        for path in sorted(folder.iterdir()):
            if path.name.startswith(_ASIDE):
                _put_back(path)
            elif _touched_at(path) >= since:
                continue
            elif path.name.startswith(_WRITING):
                path.unlink(missing_ok=True)
            else:
                yield key_of(project_id, path.name)


def is_png(key: str) -> bool:
    """Say whether a picture or a mask lies there; weights, documents and tombstones are none."""
    try:
        with local_path(key).open("rb") as file:
            return file.read(len(_PNG)) == _PNG
    except FileNotFoundError:
        return False


def remove_untouched(key: str, *, since: float) -> bool:
    """Remove a file that no row names, unless somebody stores the same bytes at this moment.

    `put` touches the file that it finds. So the file is moved aside first and looked at there:
    a `put` before that has touched it, and it goes back; one after that writes it anew.
    """
    path = local_path(key)
    aside = path.with_name(_ASIDE + path.name)
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return False
    if _touched_at(aside) >= since:
        _put_back(aside)
        return False
    aside.unlink(missing_ok=True)
    return True


def digest_of(key: str) -> str:
    """Return the sha256 (hex) that `key` names."""
    return key.rsplit("/", 1)[1]


def local_path(key: str) -> Path:
    """Return the file of `key`; anything that is not a well-formed key is refused."""
    if not _KEY.fullmatch(key):
        raise NotFound(f"{key!r} is not a storage key.", code="bad_key")
    return Path(settings.DATA_ROOT) / "store" / key


def _found(path: Path) -> Literal["bytes", "tombstone", "nothing"]:
    """Say what lies there; one look at the file's size, mostly."""
    try:
        if path.stat().st_size != len(_TOMBSTONE) or path.read_bytes() != _TOMBSTONE:
            return "bytes"
    except FileNotFoundError:
        return "nothing"
    return "tombstone"


def _freshened(path: Path) -> Literal["bytes", "tombstone", "nothing"]:
    """Touch the file, so that it is not cleared away before a row names it; say what lies there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return "nothing"
    return _found(path)


def _touched_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another worker clears up too, and was first
        return math.inf


def _put_back(aside: Path) -> None:
    """Name a file as before; what was stored in its place meanwhile, or a tombstone, stays."""
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        os.link(aside, aside.with_name(aside.name.removeprefix(_ASIDE)))
    aside.unlink(missing_ok=True)


def _write_atomically(path: Path, data: bytes) -> None:
    """Write beside, flush to disk, rename: a kill leaves the old file or the new one."""
    os.replace(_write_beside(path, data, flush=True), path)


def _write_beside(path: Path, data: bytes, *, flush: bool) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_WRITING)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            if flush:
                out.flush()
                os.fsync(out.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return name


def _flush_all(names: Collection[str]) -> None:
    """Flush files or folders: in one call for their whole file system, where there is one.

    One flush per file held an import at 80 % of the speed that it has with syncfs.
    """
    if not names:
        return
    if (syncfs := getattr(_LIBC, "syncfs", None)) is None:
        with ThreadPoolExecutor(_FLUSH_THREADS, "flush") as threads:
            for _ in threads.map(_flush, names):
                pass  # reading the result raises what the thread raised
        return
    handle = os.open(next(iter(names)), os.O_RDONLY)
    try:
        if syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), "the file system could not be flushed")
    finally:
        os.close(handle)


def _flush(name: str) -> None:
    handle = os.open(name, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
