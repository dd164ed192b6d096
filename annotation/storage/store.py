"""The methods that a place for stored bytes must have; each place is one class.

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

    Every `put` or `touch` of the key changes `mark`. Marks are only compared for equality, so a
    wrong clock does no harm. A leftover is a temporary file that a killed process may have left: no
    row can name it.
    """

    key: str
    mark: str
    is_leftover: bool = False


class Writer(Protocol):
    """Many files that become durable together; `write` may be called from several threads."""

    def write(self, key: str, data: bytes) -> None:
        """Write `data`. Nobody can open it under `key` before `settle`."""

    def settle(self) -> None:
        """Make every file durable and give it its key."""

    def discard(self) -> None:
        """Remove every file that was written and not settled."""


class Store(Protocol):
    """Bytes by key. If a key has no bytes, a method raises FileNotFoundError."""

    def put(self, key: str, data: bytes) -> None:
        """Store `data` durably. A kill leaves either the former file or the new file."""

    def overwrite(self, key: str, data: bytes) -> None:
        """Store `data` like `put`; destroy the former bytes, also in checkouts."""

    def writer(self) -> Writer:
        """Begin to write many files."""

    def touch(self, key: str) -> None:
        """Give the file another mark, so that it is not deleted before a row names it."""

    def open(self, key: str) -> BinaryIO:
        """Open the file for reading."""

    def size(self, key: str) -> int:
        """Return the number of bytes."""

    def checkout(self, key: str, target: Path) -> None:
        """Place the file at `target`, where nobody may write to it."""

    def delete(self, key: str, mark: str | None) -> bool:
        """Delete the file if it still has this mark (None: any); return whether it was deleted."""

    def walk(self, prefix: str) -> Iterator[Sighting]:
        """Yield every file whose key begins with `prefix`, in the order of their keys."""

    def probe(self, n_bytes: int) -> None:
        """Write this many bytes durably and remove them. Raises OSError if there is no room."""
