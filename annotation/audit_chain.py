"""The hash chain of the audit: each row's hash covers its content and the hash of the row before.

Each project has a chain; sign-ins and tokens, which belong to no project, are in the server's.
The rule below never changes: stored hashes were made by it, and migration 0020 calls it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

GENESIS = "0" * 64  # the hash before the first row
SERVER = "server"
_RULE = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a chain: its number, which is the chain's length, and its hash."""

    length: int
    sha256: str

    def as_json(self) -> dict[str, object]:
        return {"length": self.length, "sha256": self.sha256}


EMPTY = Head(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Entry:
    """The content of one row, in the form in which it is hashed."""

    project_id: UUID | None
    id: UUID
    created_at: datetime
    actor_id: UUID | None
    verb: str
    target: str
    facts: Mapping[str, object]

    def digest_after(self, before: Head) -> str:
        """Return the row's hash as the row after `before`; the same on every database engine."""
        content = [
            _RULE,
            str(self.project_id or SERVER),
            before.length + 1,
            before.sha256,
            str(self.id),
            self.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
            str(self.actor_id) if self.actor_id else None,
            self.verb,
            self.target,
            _plain(self.facts),
        ]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    """Return the value with whole floats as integers: PostgreSQL gives 1e20 back as an integer."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
