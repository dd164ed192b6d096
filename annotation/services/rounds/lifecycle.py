"""Cancel a round, resume it, close it. Which round serves is decided in decisions.py."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.utils import timezone

from annotation.errors import Conflict, Invalid
from annotation.models import RUNNING_STATES, STOPPED_STATES, EnsembleMember, Round, User
from annotation.services import audit, claims

State = Round.State


@transaction.atomic
def cancel_round(*, round: Round, actor: User | None, reason: str = "") -> Round:
    """Request a stop and return the round. A round that no worker holds is cancelled at once."""
    requested = Round.objects.filter(
        pk=round.pk, state__in=RUNNING_STATES, cancel_requested=False
    ).update(cancel_requested=True)
    if requested:
        audit.record(
            project=round.project,
            actor=actor,
            verb="cancel_round",
            target=round.id,
            facts={"number": round.number, "reason": reason},
        )
        settle_cancel(round=round)
    round.refresh_from_db()
    if not requested and not (round.cancel_requested or round.state == State.CANCELLED):
        raise Conflict(
            f"Round {round.number} is {round.get_state_display().lower()}: nothing is running."
        )
    return round


def settle_cancel(*, round: Round) -> bool:
    """Complete a requested cancel if no worker holds the round's rows; return whether it did."""
    if claims.is_held(EnsembleMember, Q(round=round)) or claims.is_held(Round, Q(pk=round.pk)):
        return False
    with transaction.atomic():
        settled = Round.objects.filter(
            pk=round.pk, state__in=RUNNING_STATES, cancel_requested=True
        ).update(
            state=State.CANCELLED,
            phase=_phase_to_resume(),
            finished_at=timezone.now(),
            claim_token=None,
        )
        if settled:
            waiting = (EnsembleMember.State.DUE, EnsembleMember.State.RUNNING)
            EnsembleMember.objects.filter(round=round, state__in=waiting).update(
                state=EnsembleMember.State.CANCELLED, claim_token=None
            )
    return bool(settled)


def resume_round(*, round: Round, actor: User | None, reason: str = "") -> Round:
    """Continue a cancelled or failed round. Finished members and proposals are kept."""
    newer = round.project.rounds.filter(number__gt=round.number, decided_at__isnull=False)
    if newer.filter(state__in=(State.SERVING, State.SUPERSEDED)).exists():
        raise Conflict(
            f"A round after round {round.number} was promoted. Plan a new round instead."
        )
    try:
        with transaction.atomic():
            _make_due_again(round)
            audit.record(
                project=round.project,
                actor=actor,
                verb="resume_round",
                target=round.id,
                facts={"number": round.number, "reason": reason},
            )
    except IntegrityError:
        raise Conflict(
            "Another round is open in this project: decide or cancel it first."
        ) from None
    round.refresh_from_db()
    return round


@transaction.atomic
def close_round(*, round: Round, actor: User | None, reason: str) -> Round:
    """Record why a cancelled or failed round will not be resumed. Its rows stay as they are."""
    why = require_reason(reason)
    closed = Round.objects.filter(pk=round.pk, state__in=STOPPED_STATES, decided_at=None).update(
        decided_by=actor, decided_at=timezone.now(), decision_reason=why
    )
    if not closed:
        raise Conflict(f"Round {round.number} can only be closed once, after it was stopped.")
    audit.record(
        project=round.project,
        actor=actor,
        verb="close_round",
        target=round.id,
        facts={"number": round.number, "reason": why},
    )
    round.refresh_from_db()
    return round


def require_reason(reason: str) -> str:
    """Return the written reason of a decision; raise Invalid if there is none."""
    if not reason.strip():
        raise Invalid("Write the reason for this decision.", code="reason_missing", field="reason")
    return reason.strip()[:2000]


def _phase_to_resume() -> Case:
    """Return a query expression: the phase from which a stopped round is resumed.

    It is proposing if every member had finished training before the stop.
    """
    unfinished = EnsembleMember.objects.filter(round=OuterRef("pk")).exclude(
        state=EnsembleMember.State.DONE
    )
    has_trained = Q(phase=Round.Phase.TRAINING) & ~Exists(unfinished)
    return Case(When(has_trained, then=Value(Round.Phase.PROPOSING)), default=F("phase"))


def _make_due_again(round: Round) -> None:
    members = EnsembleMember.objects.filter(round=round)
    resumed = Round.objects.filter(pk=round.pk, state__in=STOPPED_STATES, decided_at=None).update(
        state=F("phase"), cancel_requested=False, attempts=0, failure="", finished_at=None
    )
    if not resumed:
        raise Conflict(
            f"Round {round.number} is {round.get_state_display().lower()} and cannot be resumed."
        )
    members.exclude(state=EnsembleMember.State.DONE).update(
        state=EnsembleMember.State.DUE, attempts=0, failure="", claim_token=None
    )
