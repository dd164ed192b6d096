"""A frozen, numbered, checksummed dataset and the files in it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from annotation.models.base import Claimable, Row
from annotation.models.project import Project
from annotation.models.protection import Final, Protection, Rule, append_only

# SQL: whether the release of a file's row, OLD or NEW, is published.
_IS_PUBLISHED = "(SELECT state FROM annotation_release WHERE id = {}.release_id) = 'frozen'"


class Release(Row, Claimable):
    """One version of the dataset. Once it is frozen, its items and manifest never change."""

    protection = Protection(
        "A published release never changes.",
        fixed=("id", "created_at", "project", "version", "formats"),
        final=(Final("OLD.state = 'frozen'"),),
        moves={
            "due": ("running", "failed"),
            "running": ("due", "frozen", "failed"),
            "failed": ("due",),
            "frozen": (),
        },
    )

    class State(models.TextChoices):
        DUE = "due"
        RUNNING = "running"
        FROZEN = "frozen"
        FAILED = "failed"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=40)
    formats = models.JSONField(default=list)
    state = models.CharField(max_length=7, choices=State.choices, default=State.DUE)
    selection_key = models.CharField(
        max_length=140, help_text="JSON of the references chosen when it was asked for."
    )
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    n_masks = models.PositiveIntegerField(default=0)
    manifest_key = models.CharField(max_length=140, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    summary = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    frozen_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="release_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.project} {self.version}"


class ReleaseItem(Row):
    """One file of a release: its path in the folder and the key of its bytes.

    The paths of the sealed part begin with `sealed/`.
    """

    protection = Protection(
        "The files of a published release never change; an unpublished one may begin again.",
        keeps_rows=False,
        rules=(
            Rule("INSERT", _IS_PUBLISHED.format("NEW"), "the release is published"),
            Rule("UPDATE", "", "a file's row never changes"),
            Rule("DELETE", _IS_PUBLISHED.format("OLD"), "the release is published"),
        ),
    )

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="items")
    path = models.CharField(max_length=300)
    key = models.CharField(max_length=140)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["path"]
        constraints = [
            models.UniqueConstraint(fields=["release", "path"], name="release_path_once")
        ]

    def __str__(self) -> str:
        return self.path


class SealedOpening(Row):
    """A curator opened the sealed part of a release to the whole project. Append-only."""

    protection = append_only("An opening cannot be taken back: people have the masks.")

    release = models.OneToOneField(Release, on_delete=models.PROTECT, related_name="sealed_opening")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.TextField()

    def __str__(self) -> str:
        return f"sealed part of {self.release_id} opened"
