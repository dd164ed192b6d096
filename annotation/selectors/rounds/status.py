"""What the rounds page and the API show of a round: phases, members, figures, what may be done.

Sealed results come from sealed.py, which shows aggregates only.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Literal, cast

from django.db.models import Count, QuerySet

from annotation import storage
from annotation.errors import NotFound
from annotation.models import (
    DECIDED_STATES,
    OPEN_STATES,
    RUNNING_STATES,
    Annotation,
    EnsembleMember,
    Project,
    Round,
    Verdict,
)
from annotation.round_figures import RoundFigures
from annotation.selectors.rounds.decisions import former_round
from annotation.selectors.rounds.gate import may_override
from annotation.selectors.rounds.manifests import choice_in
from annotation.selectors.rounds.sealed import shown_figures
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan

State = Round.State
MemberState = EnsembleMember.State
StepState = Literal["done", "now", "waits"]
_PHASES = tuple(Round.Phase)
SHOWN_VERDICTS = (
    Verdict.PICKED,
    Verdict.CORRECTED,
    Verdict.REDRAWN,
    Verdict.NO_INFECTION,
    Verdict.EXCLUDED,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of a round, as a box on the page."""

    name: str
    detail: str
    state: StepState


@dataclass(frozen=True, slots=True)
class Cell:
    """One member in the members by folds table."""

    text: str
    state: str
    title: str


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One network with all its folds."""

    network: str
    decoder: str
    encoder: str
    cells: tuple[Cell, ...]
    epoch: int | None
    loss: float | None
    dice: float | None
    dice_name: str
    worker: str


@dataclass(frozen=True, slots=True)
class RoundView:
    """Everything the page shows of one round."""

    round: Round
    is_live: bool
    is_cancelling: bool
    eta_seconds: float | None
    progress: tuple[str, int, int]
    steps: tuple[Step, ...]
    rows: tuple[MemberRow, ...]
    figures: RoundFigures
    choice: str
    may: frozenset[str]


def round_of(project: Project, number: int) -> Round:
    """Return a round by number; raise NotFound."""
    found = project.rounds.filter(number=number).select_related("project").first()
    if found is None:
        raise NotFound(f"There is no round {number} in this project.")
    return found


def rounds_of(project: Project) -> QuerySet[Round]:
    """Return a project's rounds, the newest first."""
    return project.rounds.order_by("-number")


def phase_progress(round: Round) -> tuple[str, int, int]:
    """Return the phase and how much of it is done: epochs in training, else images."""
    if round.state in (State.PLANNED, State.TRAINING):
        epochs = Plan.from_json(round.plan).epochs
        rows = list(round.members.values_list("state", "epoch"))
        done = sum(epochs if state == MemberState.DONE else epoch for state, epoch in rows)
        return "training", done, epochs * len(rows)
    now = Round.objects.filter(pk=round.pk).values_list("progress", flat=True).first() or {}
    return str(round.state), int(now.get("done") or 0), int(now.get("total") or 0)


def view_of(round: Round, *, may_run: bool) -> RoundView:
    """Gather a round for its page in a fixed number of queries."""
    members, figures = list(round.members.all()), shown_figures(round)
    is_cancelling = round.cancel_requested and round.state in RUNNING_STATES
    return RoundView(
        round=round,
        is_live=round.state in RUNNING_STATES,
        is_cancelling=is_cancelling,
        eta_seconds=_eta(round, members),
        progress=phase_progress(round),
        steps=_steps(round, members, figures),
        rows=_rows(round, members, figures),
        figures=figures,
        choice=choice_in(round),
        may=_deeds(round, is_cancelling) if may_run else frozenset(),
    )


def may_start(project: Project) -> bool:
    """Say whether a new round may be planned: none is open."""
    return not project.rounds.filter(state__in=OPEN_STATES).exists()


def verdict_history(project: Project) -> dict[int, dict[str, int]]:
    """Return how many cases of each round were accepted, corrected, redrawn and so on, at last."""
    rows = (
        Annotation.objects.filter(
            project=project, round__isnull=False, reader__isnull=False, superseded_by=None
        )
        .values_list("round__number", "verdict")
        .annotate(n=Count("id"))
        .order_by("round__number")
    )
    found: dict[int, dict[str, int]] = {}
    for number, verdict, n in rows:
        found.setdefault(cast("int", number), {})[verdict] = n
    return found


def _steps(round: Round, members: list[EnsembleMember], figures: RoundFigures) -> tuple[Step, ...]:
    trained = sum(member.state == MemberState.DONE for member in members)
    digest = storage.digest_of(round.snapshot_key)
    phase = _step_number(round)
    names = ("Snapshot", "Train", "Propose", "Evaluate", "Decide")
    details = (
        f"{round.n_train} images · {digest[:4]}…{digest[-2:]}",
        f"{trained} of {len(members)} folds",
        f"{figures.train.propose_on if figures.train else 0} images",
        f"sealed set, {figures.sealed.pooled.n} images" if figures.sealed else "sealed set",
        round.get_state_display().lower() if round.state in DECIDED_STATES else "by an engineer",
    )
    return tuple(
        Step(name, detail, "done" if i < phase else "now" if i == phase else "waits")
        for i, (name, detail) in enumerate(zip(names, details, strict=True))
    )


def _step_number(round: Round) -> int:
    """Number the step that a round is at, or was at when it stopped; a snapshot is step 0."""
    if round.state in DECIDED_STATES:
        return 1 + len(_PHASES)
    return 1 + _PHASES.index(Round.Phase(round.phase))


def _rows(
    round: Round, members: list[EnsembleMember], figures: RoundFigures
) -> tuple[MemberRow, ...]:
    plan = Plan.from_json(round.plan)
    by_network = {
        network.key: [member for member in members if member.network == network.key]
        for network in plan.networks
    }
    return tuple(
        _row(
            plan,
            plan.network(key),
            sorted(folds, key=lambda member: member.fold),
            _dice_out_of_fold(figures, plan.network(key)),
        )
        for key, folds in by_network.items()
    )


def _row(
    plan: Plan, network: NetworkPlan, folds: list[EnsembleMember], measured: float | None
) -> MemberRow:
    begun = [member for member in folds if member.epoch]
    latest = next((m for m in reversed(begun) if m.state == MemberState.RUNNING), None)
    latest = latest or (begun[-1] if begun else None)
    inner = [member.inner_dice for member in folds if member.inner_dice is not None]
    running = [member for member in folds if member.state == MemberState.RUNNING]
    return MemberRow(
        network=network.key,
        decoder=network.decoder,
        encoder=network.encoder,
        cells=tuple(_cell(member, plan.epochs) for member in folds),
        epoch=latest.epoch if latest else None,
        loss=latest.loss if latest else None,
        dice=measured if measured is not None else (fmean(inner) if inner else None),
        dice_name="out of fold" if measured is not None else "inner split, so far",
        worker=running[0].claimed_by.split("/")[0] if running else "",
    )


def _dice_out_of_fold(figures: RoundFigures, network: NetworkPlan) -> float | None:
    """Return a network's mean Dice on the images it did not see; None before it is measured."""
    by_label = {
        "infection": figures.proposals,
        "lung": figures.lung,
        "activation": figures.activation,
    }
    measured = (by_label[network.label] or {}).get(network.key)
    return measured.per_image.value if measured and measured.per_image else None


def _cell(member: EnsembleMember, epochs: int) -> Cell:
    text = {
        MemberState.DONE: "done",
        MemberState.DUE: "waits",
        MemberState.RUNNING: f"{member.epoch} / {member.epochs or epochs}",
    }.get(MemberState(member.state), str(member.state))
    return Cell(text, str(member.state), member.failure)


def _eta(round: Round, members: list[EnsembleMember]) -> float | None:
    """Estimate the seconds left of the phase, from what finished members took."""
    if round.state != State.TRAINING:
        eta = round.progress.get("eta_seconds")
        return float(eta) if eta is not None and round.state in RUNNING_STATES else None
    took = [float(member.card["seconds"]) for member in members if "seconds" in member.card]
    running = [member for member in members if member.state == MemberState.RUNNING]
    left = [member.eta_seconds for member in running if member.eta_seconds is not None]
    waiting = sum(member.state == MemberState.DUE for member in members)
    if not took and not left:
        return None
    each = fmean(took) if took else max(left)
    return max(left, default=0.0) + waiting * each / max(1, len(running))


def _deeds(round: Round, is_cancelling: bool) -> frozenset[str]:
    """Name what an engineer may do with a round in its state."""
    if round.state in RUNNING_STATES:
        return frozenset() if is_cancelling else frozenset({"cancel"})
    if round.state in (State.CANCELLED, State.FAILED):
        return frozenset() if round.decided_at else frozenset({"resume", "close"})
    if round.state == State.AWAITING_DECISION:
        return frozenset({"promote", "refuse"})
    if round.state == State.SERVING and former_round(round):
        return frozenset({"rollback"})
    if may_override(round):
        return frozenset({"override"})
    return frozenset()
