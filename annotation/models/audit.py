"""The audit: who did what to which row, and when. Append-only, each row chained to the last."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from annotation.audit_chain import Entry
from annotation.models.base import Row
from annotation.models.project import Project
from annotation.models.protection import append_only


class AuditEvent(Row):
    """One action; `verb` is a service's name, `target` the row's id."""

    protection = append_only("The audit is the memory of who did what.")

    project = models.ForeignKey(Project, null=True, on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    verb = models.CharField(max_length=60)
    target = models.CharField(max_length=80, blank=True)
    facts = models.JSONField(default=dict)
    sequence = models.PositiveBigIntegerField(help_text="The row's number in its chain, from 1.")
    previous_sha256 = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            # Two rows that follow the same row would fork the chain.
            models.UniqueConstraint(fields=["project", "sequence"], name="audit_sequence_once"),
            models.UniqueConstraint(
                fields=["sequence"],
                condition=models.Q(project=None),
                name="audit_server_sequence_once",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "created_at"]),
            models.Index(fields=["project", "actor", "sequence"], name="audit_who"),
            models.Index(fields=["project", "verb", "sequence"], name="audit_what"),
            models.Index(fields=["project", "target", "sequence"], name="audit_target"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target}"

    @property
    def entry(self) -> Entry:
        """Return the content that the row's hash covers."""
        return Entry(
            project_id=self.project_id,
            id=self.id,
            created_at=self.created_at,
            actor_id=self.actor_id,
            verb=self.verb,
            target=self.target,
            facts=self.facts,
        )
