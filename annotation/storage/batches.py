"""Store many files of one project and make all of them durable together."""

from __future__ import annotations

import hashlib
from uuid import UUID

from annotation.storage.contents import current_store, touched_state
from annotation.storage.keys import key_of


class Batch:
    """Files that become readable together, before a row names any of them.

    `put` may be called from several threads. Before `settle`, no new key has bytes, so a kill
    leaves no half-written bytes under a key.
    """

    def __init__(self, project_id: UUID) -> None:
        self._project_id = project_id
        self._store = current_store()
        self._writer = self._store.writer()

    def put(self, data: bytes) -> str:
        """Write `data` and return the key that it has once the batch is settled."""
        key = key_of(self._project_id, hashlib.sha256(data).hexdigest())
        if touched_state(self._store, key) != "bytes":
            self._writer.write(key, data)
        return key

    def settle(self) -> None:
        """Make every file durable. From then on a row may name it."""
        self._writer.settle()

    def discard(self) -> None:
        """Remove the files that were written and not settled."""
        self._writer.discard()
