"""A project, its members, and the labels of its masks."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from annotation.models.base import Row
from annotation.models.protection import Final, Protection, Rule, free


def new_salt() -> str:
    """Return a new secret from which a project's pseudonyms are computed."""
    return secrets.token_hex(32)


class Project(Row):
    """One dataset that is being made. Its split rules are fixed when its first patient is added."""

    protection = Protection(
        "Pseudonyms and splits are computed from these columns, and each sealed look is counted. "
        "Reads after an opening are not blind.",
        fixed=("id", "salt", "split_seed"),
        final=(Final("OLD.opened_at IS NOT NULL", ("opened_at",)),),
        rules=(
            Rule(
                "UPDATE", "NEW.sealed_looks < OLD.sealed_looks", "sealed looks are never taken back"
            ),
        ),
    )

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=60, default="UTC")
    guideline = models.TextField(
        blank=True, help_text="What readers are asked to do, one key away while reading."
    )
    sealed_fraction = models.FloatField(
        default=0.2, validators=[MinValueValidator(0.0), MaxValueValidator(0.9)]
    )
    sealed_cap = models.PositiveIntegerField(
        null=True, blank=True, help_text="At most so many sealed patients."
    )
    folds = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(2), MaxValueValidator(20)]
    )
    seed_size = models.PositiveIntegerField(
        default=500, help_text="Images drawn by hand before stage I."
    )
    preset = models.CharField(max_length=40, default="cpu", help_text="The round plan's preset.")
    promotes_itself = models.BooleanField(
        default=False, help_text="Promote each round when it is evaluated: for demonstrations."
    )
    split_seed = models.PositiveIntegerField(default=0)
    shows_file_names = models.BooleanField(default=False, help_text="Readers may see file names.")
    salt = models.CharField(max_length=64, default=new_salt, editable=False)
    sealed_looks = models.PositiveIntegerField(
        default=0, help_text="How often sealed results were looked at."
    )
    opened_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Since when one person may both read and see images, so that reads are not "
        "blind. It is set once and never removed.",
    )

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Return whether one person may both read cases and see images, rounds and releases."""
        return self.opened_at is not None


class Membership(Row):
    """One role of one account in one project; several roles are several rows."""

    protection = free("Roles come and go; the audit has each change.")

    class Role(models.TextChoices):
        READER = "reader"
        ADJUDICATOR = "adjudicator"
        CURATOR = "curator"
        ENGINEER = "engineer"
        VIEWER = "viewer"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=12, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user", "role"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} in {self.project}"


class LabelSchema(Row):
    """A numbered version of a project's labels; a new version is a new row."""

    protection = free("Rows that name a label keep it in the database.")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="label_schemas")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "version"], name="label_schema_version_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} labels v{self.version}"


class Label(Row):
    """One kind of mask: infection, lung."""

    protection = free("Rows that name a label keep it in the database.")

    schema = models.ForeignKey(LabelSchema, on_delete=models.CASCADE, related_name="labels")
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["order", "key"]
        constraints = [models.UniqueConstraint(fields=["schema", "key"], name="label_key_once")]

    def __str__(self) -> str:
        return self.name
