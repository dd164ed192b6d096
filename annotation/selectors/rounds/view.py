"""Everything that the page of one round shows: its steps, members, figures and possible decisions.

Sealed results come from sealed.py, which shows aggregates only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from annotation import storage
from annotation.models import (
    DECIDED_STATES,
    RUNNING_STATES,
    STOPPED_STATES,
    EnsembleMember,
    Round,
)
from annotation.round_figures import RoundFigures
from annotation.selectors.rounds.decisions import former_round
from annotation.selectors.rounds.gate import may_override
from annotation.selectors.rounds.member_table import MemberRow, member_rows
from annotation.selectors.rounds.progress import phase_progress, seconds_left
from annotation.selectors.rounds.records import threshold_choice
from annotation.selectors.rounds.sealed import shown_figures

State = Round.State
MemberState = EnsembleMember.State
StepState = Literal["done", "now", "waits"]
_PHASES = tuple(Round.Phase)


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of a round, as a box on the page."""

    name: str
    detail: str
    state: StepState


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


def round_view(round: Round, *, may_run: bool) -> RoundView:
    """Return the contents of a round's page, in a fixed number of queries."""
    members, figures = list(round.members.all()), shown_figures(round)
    is_cancelling = round.cancel_requested and round.state in RUNNING_STATES
    return RoundView(
        round=round,
        is_live=round.state in RUNNING_STATES,
        is_cancelling=is_cancelling,
        eta_seconds=seconds_left(round, members),
        progress=phase_progress(round),
        steps=_steps(round, members, figures),
        rows=member_rows(round, members, figures),
        figures=figures,
        choice=threshold_choice(round),
        may=_possible_decisions(round, is_cancelling) if may_run else frozenset(),
    )


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
    """Return the number of the step that a round is at, or stopped at; the snapshot is step 0."""
    if round.state in DECIDED_STATES:
        return 1 + len(_PHASES)
    return 1 + _PHASES.index(Round.Phase(round.phase))


def _possible_decisions(round: Round, is_cancelling: bool) -> frozenset[str]:
    """Return the decisions that an engineer may take about a round in its state."""
    if round.state in RUNNING_STATES:
        return frozenset() if is_cancelling else frozenset({"cancel"})
    if round.state in STOPPED_STATES:
        return frozenset() if round.decided_at else frozenset({"resume", "close"})
    if round.state == State.AWAITING_DECISION:
        return frozenset({"promote", "refuse"})
    if round.state == State.SERVING and former_round(round):
        return frozenset({"rollback"})
    if may_override(round):
        return frozenset({"override"})
    return frozenset()
