"""Append to the audit who did what. Every service calls `record` inside its own transaction."""

from __future__ import annotations

from collections.abc import Mapping

from annotation.models import AuditEvent, Project, User

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
    AuditEvent.objects.create(
        project=project, actor=actor, verb=verb, target=str(target), facts=dict(facts or {})
    )
