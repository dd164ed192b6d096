"""The audit: who did what to which row, and when. Append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models

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

    class Meta:
        indexes = [models.Index(fields=["project", "created_at"])]

    def __str__(self) -> str:
        return f"{self.verb} {self.target}"
