"""Keep stored bytes on a disk, one file per key, flushed and renamed before a row names it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from annotation.storage.disk_writing import LEFTOVER, DiskWriter, write_beside
from annotation.storage.keys import check_key
from annotation.storage.store import Sighting, Writer

_ASIDE = ".aside-"


class DiskStore:
    """A `Store` in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, data: bytes) -> None:
        """Write a temporary file, flush it, and rename it."""
        path = self._path(key)
        os.replace(write_beside(path, data, is_flushed=True), path)

    def overwrite(self, key: str, data: bytes) -> None:
        """Put `data`, then empty the former file. Otherwise a hard link would keep its bytes."""
        with contextlib.ExitStack() as stack:
            former = None
            with contextlib.suppress(FileNotFoundError):
                former = stack.enter_context(self._path(key).open("r+b"))
            self.put(key, data)
            if former is not None:
                former.truncate()

    def writer(self) -> Writer:
        """Begin to write many files that are flushed together."""
        return DiskWriter(self._path)

    def touch(self, key: str) -> None:
        """Set the file's modification time to now, which changes its mark."""
        os.utime(self._path(key))

    def open(self, key: str) -> BinaryIO:
        """Open the file for reading."""
        return self._path(key).open("rb")

    def size(self, key: str) -> int:
        """Return the number of bytes."""
        return self._path(key).stat().st_size

    def checkout(self, key: str, target: Path) -> None:
        """Make a hard link; copy the file if the file system cannot link these folders.

        A link takes microseconds and no room. Only `overwrite` changes a stored file, so the link
        keeps its bytes until an erasure.
        """
        path = self._path(key)
        try:
            os.link(path, target)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(path, target)

    def delete(self, key: str, mark: str | None) -> bool:
        """Move the file aside, look at its mark there, and delete it or put it back.

        A `touch` before the move changes the mark. A `touch` after the move finds no file, so its
        caller writes the bytes again. Without the move, a `touch` between the look at the mark and
        the delete would be lost. Each call moves the file to a name of its own, so that it never
        deletes a file that another call moved.
        """
        folder, _, name = key.rpartition("/")
        if name.startswith(LEFTOVER):
            check_key(f"{folder}/{'0' * 64}")  # a leftover's name is no digest: check its folder
            (self._root / key).unlink(missing_ok=True)
            return True
        path = self._path(key)
        aside = path.with_name(f"{_ASIDE}{secrets.token_hex(4)}-{path.name}")
        try:
            os.rename(path, aside)
            if mark not in (None, _mark(aside)):
                _put_back(aside)
                return False
        except FileNotFoundError:  # another worker deleted this file first
            return False
        aside.unlink(missing_ok=True)
        return True

    def walk(self, prefix: str) -> Iterator[Sighting]:
        """Yield files and leftovers; put files back that a killed `delete` moved."""
        parent, _, part = prefix.rpartition("/")
        for folder in sorted((self._root / parent).glob(f"{part}*")):
            for path in sorted(folder.iterdir()):
                if path.name.startswith(_ASIDE):
                    _put_back(path)
                    continue
                with contextlib.suppress(FileNotFoundError):
                    yield Sighting(
                        key=path.relative_to(self._root).as_posix(),
                        mark=_mark(path),
                        is_leftover=path.name.startswith(LEFTOVER),
                    )

    def probe(self, n_bytes: int) -> None:
        """Write a file without a name, so that a kill leaves nothing, and flush it."""
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._root) as out:
            out.write(os.urandom(n_bytes))  # a file system may store zeros without room
            out.flush()
            os.fsync(out.fileno())

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key


def _mark(path: Path) -> str:
    """Return inode and modification time: a write or touch changes them, a link does not."""
    status = path.stat()
    return f"{status.st_ino}-{status.st_mtime_ns}"


def _put_back(aside: Path) -> None:
    """Give a moved file its name back, unless its bytes were stored again meanwhile."""
    name = aside.name.rpartition("-")[2]
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        os.link(aside, aside.with_name(name))
    aside.unlink(missing_ok=True)
