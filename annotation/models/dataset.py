"""Patients, studies, images, the split ledger, the robot reader's truth, and imports."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from annotation.models.base import Claimable, Row
from annotation.models.project import Label, Project
from annotation.models.protection import Protection, append_only, free


class Split(models.TextChoices):
    TRAIN = "train"
    SEALED = "sealed"


class Patient(Row):
    """One patient. All images of a patient share a split and a fold, which are decided once.

    `key` is the pseudonym that the source of the images uses.
    """

    protection = Protection(
        "A patient's split and fold are decided once; another split would leak.",
        fixed=("id", "created_at", "project", "key", "split", "fold"),
    )

    class State(models.TextChoices):
        ACTIVE = "active"
        QUARANTINED = "quarantined"
        WITHDRAWN = "withdrawn"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="patients")
    key = models.CharField(max_length=128)
    split = models.CharField(max_length=6, choices=Split.choices)
    fold = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=11, choices=State.choices, default=State.ACTIVE)
    reading_order = models.PositiveBigIntegerField(
        default=0, help_text="A fixed shuffle: from the project's split_seed and the key."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="patient_key_once")]
        indexes = [
            models.Index(fields=["project", "split", "reading_order"], name="patient_worklist"),
        ]

    def __str__(self) -> str:
        return self.key


class SplitEntry(Row):
    """An entry of the append-only ledger: a patient's split and fold, with time and reason."""

    protection = append_only("The ledger proves when each split was decided.")

    class Event(models.TextChoices):
        ASSIGNED = "assigned"
        LINKED = "linked"
        QUARANTINED = "quarantined"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="ledger")
    event = models.CharField(max_length=11, choices=Event.choices, default=Event.ASSIGNED)
    split = models.CharField(max_length=6, choices=Split.choices)
    fold = models.PositiveSmallIntegerField()
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient"], condition=models.Q(event="assigned"), name="split_assigned_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient} {self.event} {self.split}/{self.fold}"


class Study(Row):
    """One examination; its day is an offset, never a date."""

    protection = free("A study holds only a day.")

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="studies")
    day = models.IntegerField(
        null=True, help_text="Days from the patient's first known day; empty = unknown."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "day"], name="study_day_once")]

    def __str__(self) -> str:
        return f"{self.patient} day {self.day}"


class Image(Row):
    """One radiograph: its facts, and the keys of the files that its import stored."""

    protection = Protection(
        "With another patient, an image would have another split.",
        fixed=("id", "created_at", "project", "patient", "study", "pixel_sha256"),
    )

    class Group(models.TextChoices):
        COVID = "covid"
        NORMAL = "normal"
        OTHER = "other"

    class View(models.TextChoices):
        UNKNOWN = "", "unknown"
        PA = "PA"
        AP = "AP"
        LATERAL = "lateral"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="images")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="images")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="images")
    group = models.CharField(max_length=6, choices=Group.choices)
    view_position = models.CharField(max_length=7, choices=View.choices, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bits = models.PositiveSmallIntegerField()
    spacing_mm = models.FloatField(null=True)
    window_center = models.FloatField()
    window_width = models.FloatField()
    pixel_sha256 = models.CharField(max_length=64)
    perceptual_hash = models.CharField(max_length=16)
    pixels_key = models.CharField(max_length=140)
    preview_key = models.CharField(max_length=140)
    thumbnail_key = models.CharField(max_length=140)
    file_name = models.CharField(max_length=255)
    source = models.CharField(max_length=100, blank=True)
    finding = models.CharField(max_length=255, blank=True)
    licence = models.CharField(max_length=255, blank=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "pixel_sha256"], name="image_pixels_once"),
        ]
        indexes = [
            models.Index(fields=["project", "group", "withdrawn_at"]),
            models.Index(fields=["project", "created_at", "id"], name="image_list"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Truth(Row):
    """A mask known from elsewhere that only the robot reader and `simulate` may read."""

    protection = free("Only simulations read these masks.")

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="+")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    mask_key = models.CharField(max_length=140)
    origin = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "label"], name="truth_once")]

    def __str__(self) -> str:
        return f"truth of {self.image_id}"


class Intake(Row, Claimable):
    """One import: the folder of its files, its progress, and its report."""

    protection = free("A row of work; the audit has its result.")

    class State(models.TextChoices):
        DUE = "due"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="intakes")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    folder = models.CharField(max_length=500)
    masks_as = models.CharField(max_length=5, default="seed")
    group = models.CharField(max_length=6, choices=Image.Group.choices, default=Image.Group.COVID)
    state = models.CharField(max_length=9, choices=State.choices, default=State.DUE)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    report = models.JSONField(
        default=dict, help_text="added, known, masks, refused[], near_duplicates[]"
    )
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"intake {self.id} {self.state}"
