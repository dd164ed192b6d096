"""A round of learning, its ensemble members, and the proposals they made."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from annotation.models.base import Claimable, Row
from annotation.models.dataset import Image
from annotation.models.project import Label, Project
from annotation.models.protection import Final, Protection, free
from annotation.round_figures import RoundFigures


class RoundState(models.TextChoices):
    PLANNED = "planned"
    TRAINING = "training"
    PROPOSING = "proposing"
    EVALUATING = "evaluating"
    AWAITING_DECISION = "awaiting_decision", "awaiting decision"
    SERVING = "serving"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"


RUNNING_STATES = (
    RoundState.PLANNED,
    RoundState.TRAINING,
    RoundState.PROPOSING,
    RoundState.EVALUATING,
)
OPEN_STATES = (*RUNNING_STATES, RoundState.AWAITING_DECISION)
STOPPED_STATES = (RoundState.CANCELLED, RoundState.FAILED)
DECIDED_STATES = (RoundState.SERVING, RoundState.SUPERSEDED, RoundState.REFUSED)
_RESUMED = ("training", "proposing", "evaluating")
_MOVES = {
    "planned": ("training", "failed", "cancelled"),
    "training": ("proposing", "failed", "cancelled"),
    "proposing": ("evaluating", "failed", "cancelled"),
    "evaluating": ("awaiting_decision", "refused", "failed", "cancelled"),
    "awaiting_decision": ("serving", "refused"),
    "serving": ("superseded",),
    "superseded": ("serving",),  # after a rollback
    "refused": ("serving",),  # by an engineer's override
    "cancelled": _RESUMED,
    "failed": _RESUMED,
}
# SQL: whether the round of a proposal, OLD or NEW, is proposing. A deleted round counts as not.
_IS_PROPOSING = (
    "coalesce((SELECT state FROM annotation_round WHERE id = {}.round_id), '') = 'proposing'"
)


class Round(Row, Claimable):
    """One turn of the loop: snapshot, train, propose, evaluate, decide, serve."""

    protection = Protection(
        "A round's snapshot, plan and figures say by what its masks are judged.",
        fixed=(
            "id",
            "created_at",
            "project",
            "number",
            "stage",
            "plan",
            "folds",
            "folds_note",
            "snapshot_key",
            "n_train",
            "n_train_patients",
        ),
        final=(
            Final(
                f"OLD.state NOT IN ({', '.join(repr(str(state)) for state in RUNNING_STATES)})",
                ("metrics", "evaluation_key", "report_key"),
            ),
            Final("OLD.state IN ('cancelled', 'failed') AND OLD.decided_at IS NOT NULL"),
            # Only an engineer's override of the gate writes a second decision.
            Final(
                "OLD.decided_at IS NOT NULL"
                " AND NOT (OLD.state = 'refused' AND NEW.state = 'serving')",
                ("decided_by", "decided_at", "decision_reason"),
            ),
        ),
        moves=_MOVES,
    )

    State = RoundState

    class Stage(models.TextChoices):
        STAGE_1 = "stage_1", "stage I"
        STAGE_2 = "stage_2", "stage II"
        LATER = "later"

    class Phase(models.TextChoices):
        TRAINING = "training"
        PROPOSING = "proposing"
        EVALUATING = "evaluating"
        DECIDING = "deciding"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="rounds")
    number = models.PositiveIntegerField()
    stage = models.CharField(max_length=7, choices=Stage.choices)
    state = models.CharField(max_length=17, choices=RoundState.choices, default=RoundState.PLANNED)
    phase = models.CharField(
        max_length=10,
        choices=Phase.choices,
        default=Phase.TRAINING,
        help_text="The work that is done now, or that a stopped round goes on with.",
    )
    plan = models.JSONField(help_text="The plan as JSON, with its version.")
    folds = models.PositiveSmallIntegerField(help_text="k; at most the project's folds.")
    folds_note = models.TextField(blank=True, help_text="What of the plan was left out, and why.")
    snapshot_key = models.CharField(max_length=140, help_text="JSON of the references trained on.")
    n_train = models.PositiveIntegerField(default=0)
    n_train_patients = models.PositiveIntegerField(default=0)
    progress = models.JSONField(default=dict, help_text="done, total, eta_seconds")
    metrics = models.JSONField(
        default=dict, help_text="The round's figures as JSON, with their version."
    )
    evaluation_key = models.CharField(
        max_length=140, blank=True, help_text="Per-image sealed counts; not served."
    )
    report_key = models.CharField(
        max_length=140, blank=True, default="", help_text="JSON of the evaluation report."
    )
    cancel_requested = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decision_reason = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="round_number_once"),
            models.UniqueConstraint(
                fields=["project"], condition=models.Q(state="serving"), name="round_serving_once"
            ),
            # Two people may press Start, or Start and Resume, at once: the database accepts one.
            models.UniqueConstraint(
                fields=["project"],
                condition=models.Q(state__in=OPEN_STATES),
                name="round_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"round {self.number} ({self.state})"

    @property
    def figures(self) -> RoundFigures:
        """Return the figures measured so far, parsed from the stored JSON at each call."""
        return RoundFigures.from_json(self.metrics)


GATE_PASSED = models.Q(metrics__gate__outcome="passed")


class EnsembleMember(Row, Claimable):
    """One network trained with one fold held out; its card lists what the training loaded."""

    protection = Protection(
        "Weights, card and history of a trained network prove what it was trained on.",
        fixed=("id", "created_at", "round", "network", "fold", "parent"),
        final=(Final("OLD.state = 'done'"),),
        moves={
            "due": ("running", "failed", "cancelled"),
            "running": ("due", "done", "failed", "cancelled"),
            "failed": ("due",),
            "cancelled": ("due",),
            "done": (),
        },
    )

    class State(models.TextChoices):
        DUE = "due"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="members")
    network = models.CharField(max_length=80)
    fold = models.PositiveSmallIntegerField()
    parent = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="children",
        help_text="The member of an earlier round whose weights a warm start goes on from.",
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.DUE)
    epoch = models.PositiveIntegerField(default=0)
    epochs = models.PositiveIntegerField(default=0)
    loss = models.FloatField(null=True)
    inner_dice = models.FloatField(null=True)
    eta_seconds = models.FloatField(null=True)
    history = models.JSONField(
        default=list, help_text="One entry an epoch: epoch, loss, inner_dice."
    )
    card = models.JSONField(default=dict, help_text="mlloop's card.json, as written by the child.")
    weights_key = models.CharField(max_length=140, blank=True)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["network", "fold"]
        constraints = [
            models.UniqueConstraint(fields=["round", "network", "fold"], name="member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.network} without fold {self.fold}"


class PlanEstimate(Row, Claimable):
    """The cost of a plan on a worker, estimated from a short timing before a round is started."""

    protection = free("A timing that a newer one replaces.")

    class State(models.TextChoices):
        DUE = "due"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="plan_estimates")
    manifest = models.JSONField(help_text="What a worker is asked to time, as JSON.")
    state = models.CharField(max_length=7, choices=State.choices, default=State.DUE)
    result = models.JSONField(default=dict, help_text="mlloop's estimate.json.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"estimate ({self.state})"


class Proposal(Row):
    """A mask made by a network, a mean or the ensemble, for one image in one round."""

    protection = Protection(
        "Readers picked these masks. A worker may write them again while the round proposes.",
        replaceable_when=_IS_PROPOSING.format("NEW"),
        final=(Final(f"NOT ({_IS_PROPOSING.format('OLD')})", but=("is_waiting",)),),
    )

    class Kind(models.TextChoices):
        OUT_OF_FOLD = "out_of_fold", "out of fold"
        MEAN = "mean"
        ENSEMBLE = "ensemble"

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="proposals")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="proposals")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    network = models.CharField(max_length=80, help_text="'ensemble' for the ensemble mean.")
    kind = models.CharField(max_length=11, choices=Kind.choices)
    members = models.JSONField(
        help_text="[[network, held-out fold], ...] that made it; joined to cards."
    )
    probability_key = models.CharField(max_length=140, help_text="p8 at the network's grid.")
    disagreement_key = models.CharField(max_length=140, blank=True)
    disagreement = models.FloatField(null=True, help_text="Mean spread between networks, 0..1.")
    threshold = models.PositiveSmallIntegerField(help_text="t8 in 1..255.")
    findings = models.JSONField(
        default=dict,
        help_text="Severity as JSON; only on the infection mask of the ensemble.",
    )
    is_waiting = models.BooleanField(
        default=True, help_text="A hint for the worklist: no reference was made since."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["round", "image", "label", "network", "kind"], name="proposal_once"
            ),
            models.CheckConstraint(
                condition=models.Q(threshold__gte=1, threshold__lte=255),
                name="proposal_threshold_range",
            ),
        ]
        # The worklist reads this index backwards: the images with the most disagreement come first.
        # A read image leaves the index. Otherwise each request would step over all read images.
        indexes = [
            models.Index(
                fields=["round", "disagreement"],
                condition=models.Q(kind="ensemble", is_waiting=True),
                name="proposal_worklist",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.network} {self.kind} for {self.image_id}"
