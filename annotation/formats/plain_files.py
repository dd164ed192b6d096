"""List a folder that somebody else wrote, and hash its files, without following any link.

Only plain files are opened. A link could show a file from outside, and a pipe would never end.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# O_NONBLOCK: a file that was replaced by a pipe after the listing must not stop the check.
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(slots=True)
class Contents:
    """The content of a folder, as relative paths with forward slashes.

    `others` maps the path of each link, pipe, device or unreadable folder to its kind in words.
    """

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)


def list_contents(folder: Path) -> Contents:
    """Return everything in `folder`; linked folders are listed and not entered."""
    contents = Contents()
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        try:
            entries = list(_entries(folder / parent))
        except OSError as error:
            contents.others[parent or "."] = f"cannot be read: {error.strerror}"
            continue
        for name, mode in entries:
            path = f"{parent}/{name}" if parent else name
            if stat.S_ISREG(mode):
                contents.files.add(path)
            elif stat.S_ISDIR(mode):
                contents.folders.add(path)
                waiting.append(path)
            else:
                contents.others[path] = _KINDS.get(stat.S_IFMT(mode), "not a plain file")
    return contents


def read_plain(file: Path) -> bytes:
    """Return the bytes of a plain file. Raises OSError, also for a link or a pipe."""
    with os.fdopen(_open_plain(file), "rb") as source:
        return source.read()


def hash_plain(file: Path) -> str:
    """Return the sha256 (hex) of a plain file. Raises OSError, also for a link or a pipe."""
    with os.fdopen(_open_plain(file), "rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def shown(path: str) -> str:
    """Return a path for a terminal or JSON: no control characters and no broken Unicode."""
    text = path.encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace")
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _entries(folder: Path) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name, entry.stat(follow_symlinks=False).st_mode


def _open_plain(file: Path) -> int:
    handle = os.open(file, _FLAGS)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "not a plain file")
    return handle
