"""Stored bytes on a disk: one file a key, renamed into place, flushed before a row names it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
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
        """Write beside, flush, rename."""
        path = self._path(key)
        os.replace(write_beside(path, data, is_flushed=True), path)

    def overwrite(self, key: str, data: bytes) -> None:
        """Put, then empty the former file: a checkout by hard link would keep its bytes."""
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
        """Set the file's time to now: it is part of the mark."""
        os.utime(self._path(key))

    def open(self, key: str) -> BinaryIO:
        """Open the file for reading."""
        return self._path(key).open("rb")

    def size(self, key: str) -> int:
        """Return the number of bytes."""
        return self._path(key).stat().st_size

    def checkout(self, key: str, target: Path) -> None:
        """Make a hard link, or copy where the file system has none between these folders.

        A link takes microseconds and no room; files here are renamed into place and never written
        to, so both names keep the same bytes.
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

        A `touch` before the move has changed the mark; one after it finds no file, so its caller
        writes the bytes anew. Deleting in place would leave a gap between the look and the delete.
        Each call has an aside name of its own: it must never delete what another one moved.
        """
        folder, _, name = key.rpartition("/")
        if name.startswith(LEFTOVER):
            check_key(f"{folder}/{'0' * 64}")
            (self._root / key).unlink(missing_ok=True)
            return True
        path = self._path(key)
        aside = path.with_name(f"{_ASIDE}{secrets.token_hex(4)}-{path.name}")
        try:
            os.rename(path, aside)
            if mark not in (None, _mark(aside)):
                _put_back(aside)
                return False
        except FileNotFoundError:  # another worker deletes the same file and was first
            return False
        aside.unlink(missing_ok=True)
        return True

    def walk(self, prefix: str) -> Iterator[Sighting]:
        """Yield files and leftovers; put back what a killed `delete` left aside."""
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

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key


def _mark(path: Path) -> str:
    """Return what changes when the file is written or touched, and not when it is linked."""
    status = path.stat()
    return f"{status.st_ino}-{status.st_mtime_ns}"


def _put_back(aside: Path) -> None:
    """Give a file its name back, unless something was stored in its place meanwhile."""
    name = aside.name.rpartition("-")[2]
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        os.link(aside, aside.with_name(name))
    aside.unlink(missing_ok=True)
