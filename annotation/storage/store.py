"""What a place for stored bytes must be able to do: one class each, on a disk or elsewhere.

A store knows keys and bytes. It knows no project, no row and no tombstone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Sighting:
    """A stored file as a walk saw it.

    `mark` is another one after every `put` or `touch` of the key; marks are compared for equality
    only, so a wrong clock does no harm. A leftover is a half-written file of a killed process: no
    row can name it.
    """

    key: str
    mark: str
    is_leftover: bool = False


class Writer(Protocol):
    """Many files that become durable together; `write` may be called from several threads."""

    def write(self, key: str, data: bytes) -> None:
        """Write `data`, which nobody can open under `key` yet."""

    def settle(self) -> None:
        """Make every file durable and give it its key."""

    def discard(self) -> None:
        """Remove every file that was written and not settled."""


class Store(Protocol):
    """Keys and bytes. Where there is nothing under a key, a method raises FileNotFoundError."""

    def put(self, key: str, data: bytes) -> None:
        """Store `data` durably. A kill leaves the file that was there before, or the new one."""

    def overwrite(self, key: str, data: bytes) -> None:
        """Store `data` like `put`; the former bytes are destroyed in checkouts, too."""

    def writer(self) -> Writer:
        """Begin to write many files."""

    def touch(self, key: str) -> None:
        """Give the file another mark, so that it is not deleted before a row names it."""

    def open(self, key: str) -> BinaryIO:
        """Open the file for reading."""

    def size(self, key: str) -> int:
        """Return the number of bytes."""

    def checkout(self, key: str, target: Path) -> None:
        """Place the file at `target`, where it is read and never written."""

    def delete(self, key: str, mark: str | None) -> bool:
        """Delete the file if it still has this mark (None: any); return whether it is gone."""

    def walk(self, prefix: str) -> Iterator[Sighting]:
        """Yield every file whose key begins with `prefix`, in the order of their keys."""
