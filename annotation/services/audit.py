"""Append to the audit who did what. Every service calls `record` inside its own transaction.

Rows form a hash chain (audit_chain.py), so a writer waits until the writer before it has committed
or rolled back: call `record` last, after all other rows are locked. On PostgreSQL a lock named
after the chain makes them wait; on SQLite a transaction has the only write lock anyway. Whatever
happens, a unique constraint keeps two rows from following the same row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from uuid import UUID

from django.db import connection, transaction

from annotation.audit_chain import SERVER
from annotation.models import AuditEvent, Project, User
from annotation.selectors.audit import head_of

Facts = Mapping[str, str | int | float | bool | None]


def record(
    *,
    project: Project | None,
    actor: User | None,
    verb: str,
    target: object = "",
    facts: Facts | None = None,
) -> None:
    """Append one audit row. `target` holds only ids; `facts` hold no pixels, names or findings."""
    event = AuditEvent(
        project=project, actor=actor, verb=verb, target=str(target), facts=dict(facts or {})
    )
    with transaction.atomic(savepoint=False):
        _wait_for_turn(event.project_id)
        before = head_of(event.project_id)
        event.sequence = before.length + 1
        event.previous_sha256 = before.sha256
        event.sha256 = event.entry.digest_after(before)
        event.save(force_insert=True)


def _wait_for_turn(project_id: UUID | None) -> None:
    """Wait until no other transaction appends to this chain; the lock ends with ours."""
    if connection.vendor == "postgresql":
        name = hashlib.sha256(f"audit {project_id or SERVER}".encode()).digest()
        with connection.cursor() as cursor:
            number = int.from_bytes(name[:8], signed=True)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
