"""One case given to one reader, the candidates shown, the draft, and what was submitted.

Annotation, AnnotationSource and Reference are append-only: triggers on both engines refuse changes.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models

from annotation.models.base import Row
from annotation.models.dataset import Image
from annotation.models.project import Label, Project
from annotation.models.protection import append_only, free
from annotation.models.rounds import Proposal, Round

_T8_OF_BASE = "t8 in 1..255 at which the mask was made from the candidate."


class Assignment(Row):
    """A lease of one image to one reader for one purpose; open until submitted or released.

    The reader may reopen a submitted assignment. The submitted mask counts until they submit again.
    """

    protection = free("A lease; what was submitted is an annotation.")

    class Purpose(models.TextChoices):
        SEED = "seed"
        PICK = "pick"
        READ = "read"
        SEALED = "sealed"
        SECOND_LOOK = "second_look"
        DOUBLE = "double"
        ADJUDICATE = "adjudicate"

    class State(models.TextChoices):
        OPEN = "open"
        SUBMITTED = "submitted"
        RELEASED = "released"
        REOPENED = "reopened"

    HELD = (State.OPEN, State.REOPENED)  # only its reader may see and change it

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="assignments")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="assignments")
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments"
    )
    purpose = models.CharField(max_length=11, choices=Purpose.choices)
    round = models.ForeignKey(
        Round, null=True, on_delete=models.PROTECT, related_name="assignments"
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    is_blind = models.BooleanField(default=False)
    is_prefetched = models.BooleanField(default=False)
    has_draft = models.BooleanField(default=False)
    is_saved_for_later = models.BooleanField(default=False)
    lease_expires_at = models.DateTimeField()
    note = models.TextField(blank=True)
    is_flagged = models.BooleanField(default=False)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Two readers may ask at the same time. The database gives an image to only one of
            # them, whatever the purpose. Only a double read gives it to two readers.
            models.UniqueConstraint(
                fields=["image"],
                condition=models.Q(state__in=["open", "reopened"]) & ~models.Q(purpose="double"),
                name="assignment_held_once",
            ),
            # A reader has at most two leases, the current and the prefetched, also in a race.
            models.UniqueConstraint(
                fields=["project", "reader", "is_prefetched"],
                condition=models.Q(state="open", is_saved_for_later=False),
                name="assignment_two_leases",
            ),
            # In addition, a reader may reopen one submitted case.
            models.UniqueConstraint(
                fields=["project", "reader"],
                condition=models.Q(state="reopened"),
                name="assignment_reopened_once",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "reader", "state"]),
            models.Index(
                fields=["project", "reader", "-closed_at"],
                condition=models.Q(state="submitted"),
                name="assignment_last_submitted",
            ),
            models.Index(
                fields=["project", "lease_expires_at"],
                condition=models.Q(state="open"),
                name="assignment_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id} {self.state}"


class Draft(Row):
    """The reader's whole mask so far, one per assignment and label; `etag` guards each save.

    It names the candidate with which the reader began, so that another browser can continue it.
    """

    protection = free("Work in progress.")

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="drafts")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    mask_key = models.CharField(max_length=140)
    etag = models.CharField(max_length=64)
    stroke = models.PositiveIntegerField(default=0)
    candidate = models.ForeignKey(
        "Candidate", null=True, on_delete=models.RESTRICT, related_name="+"
    )
    threshold = models.PositiveSmallIntegerField(null=True, help_text=_T8_OF_BASE)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assignment", "label"], name="draft_once")]

    def __str__(self) -> str:
        return f"draft of {self.assignment_id} at stroke {self.stroke}"


class LostDraft(Row):
    """A mask that another mask replaced or may replace, kept for 30 days with its candidate."""

    protection = free("Kept for 30 days, then deleted.")

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="lost_drafts")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    mask_key = models.CharField(max_length=140)
    etag = models.CharField(max_length=64)
    stroke = models.PositiveIntegerField(default=0)
    candidate = models.ForeignKey(
        "Candidate", null=True, on_delete=models.RESTRICT, related_name="+"
    )
    threshold = models.PositiveSmallIntegerField(null=True, help_text=_T8_OF_BASE)

    def __str__(self) -> str:
        return f"lost draft of {self.assignment_id}"


class Verdict(models.TextChoices):
    PICKED = "picked"
    CORRECTED = "corrected"
    REDRAWN = "redrawn"
    NO_INFECTION = "no_infection"
    EXCLUDED = "excluded"
    CONTROL = "control"


class Provenance(models.TextChoices):
    """DICOM Segment Algorithm Type."""

    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    MANUAL = "MANUAL"


class Annotation(Row):
    """One reader's submitted mask with its verdict and what the edit cost. Append-only.

    A reopened case has several annotations. Only the annotation that no other supersedes counts.
    """

    protection = append_only("What a reader submitted.")

    class Exclusion(models.TextChoices):
        NONE = "", "-"
        POOR_QUALITY = "poor_quality"
        NOT_FRONTAL = "not_frontal"
        NOT_CHEST = "not_chest"
        WRONG_PATIENT = "wrong_patient"
        DUPLICATE = "duplicate"
        OTHER = "other"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="annotations")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="annotations")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    assignment = models.ForeignKey(
        Assignment, null=True, on_delete=models.PROTECT, related_name="annotations"
    )
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    client_id = models.UUIDField(unique=True)
    purpose = models.CharField(max_length=11, choices=Assignment.Purpose.choices)
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    provenance = models.CharField(max_length=13, choices=Provenance.choices)
    exclusion_reason = models.CharField(max_length=14, choices=Exclusion.choices, blank=True)
    mask_key = models.CharField(
        max_length=140, blank=True, help_text="Empty when the image was excluded."
    )
    origin = models.CharField(
        max_length=255, blank=True, help_text="Where an imported mask came from."
    )
    round = models.ForeignKey(
        Round, null=True, on_delete=models.PROTECT, related_name="annotations"
    )
    proposal = models.ForeignKey(Proposal, null=True, on_delete=models.PROTECT, related_name="+")
    threshold = models.PositiveSmallIntegerField(
        null=True, help_text="t8 in 1..255 of the picked proposal."
    )
    agreement = models.FloatField(
        null=True, help_text="Dice of the mask with the candidate it was made from."
    )
    added_pixels = models.PositiveIntegerField(default=0)
    removed_pixels = models.PositiveIntegerField(default=0)
    redrawn_contour = models.PositiveIntegerField(
        default=0, help_text="Contour length drawn, in pixel edges."
    )
    active_seconds = models.FloatField(default=0.0)
    strokes = models.PositiveIntegerField(default=0)
    note = models.TextField(blank=True)
    is_flagged = models.BooleanField(default=False)
    supersedes = models.OneToOneField(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="superseded_by",
        help_text="What the same reader had submitted on the same case before.",
    )

    def __str__(self) -> str:
        return f"{self.verdict} {self.id}"

    @property
    def is_from_manual(self) -> bool:
        """Say whether the reader began with the manual mask; the only other base is a proposal."""
        from_a_base = self.verdict in (Verdict.PICKED, Verdict.CORRECTED)
        # A mask emptied by hand has an agreement with its base; a mask without a base has none.
        return self.proposal_id is None and (from_a_base or self.agreement is not None)


class Candidate(Row):
    """A frozen mask offered to a reader for an assignment; id and letter do not reveal its origin.

    In an open read `mask_key` is empty: the mask is the proposal's map, cut at its threshold.
    """

    protection = append_only("What a reader was offered, frozen with the assignment.")

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="candidates")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    proposal = models.ForeignKey(Proposal, null=True, on_delete=models.PROTECT, related_name="+")
    annotation = models.ForeignKey(
        Annotation, null=True, on_delete=models.PROTECT, related_name="+"
    )
    mask_key = models.CharField(max_length=140)
    features = models.JSONField(
        default=dict, help_text="Features of a blind mask's shape by name; no reader gets them."
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "position"], name="candidate_position_once"
            ),
            models.CheckConstraint(
                condition=models.Q(proposal__isnull=False) ^ models.Q(annotation__isnull=False),
                name="candidate_has_one_origin",
            ),
        ]

    def __str__(self) -> str:
        return f"candidate {self.letter} of {self.assignment_id}"

    @property
    def letter(self) -> str:
        """Return the name that a blind reader sees: A, B, C."""
        return chr(ord("A") + self.position)


class Reference(Row):
    """The mask that counts for an image and label; the newest in its chain. Append-only."""

    protection = append_only("The masks that count, in chains that show each change.")

    class Method(models.TextChoices):
        SINGLE = "single"
        PICK = "pick"
        ADJUDICATED = "adjudicated"
        CONSENSUS = "consensus"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="references")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="references")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=11, choices=Method.choices)
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    mask_key = models.CharField(
        max_length=140, blank=True, help_text="Empty when the image was excluded."
    )
    annotations = models.ManyToManyField(
        Annotation, through="ReferenceSource", related_name="references"
    )
    supersedes = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="superseded_by"
    )

    class Meta:
        constraints = [
            # Chains never fork: there is one first reference, and each is superseded at most once.
            models.UniqueConstraint(
                fields=["image", "label"],
                condition=models.Q(supersedes__isnull=True),
                name="reference_one_first",
            ),
        ]

    def __str__(self) -> str:
        return f"reference of {self.image_id} ({self.method})"


class ReferenceSource(Row):
    """Which annotations a reference was made from. Append-only."""

    protection = append_only("What a reference was made from.")

    reference = models.ForeignKey(Reference, on_delete=models.PROTECT)
    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return f"{self.reference_id} from {self.annotation_id}"
