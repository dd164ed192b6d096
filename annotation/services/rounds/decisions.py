"""Decide which round serves: promote, refuse, roll back. Each needs a written reason.

Until promotion the former round serves. A round whose proposals leak is never promoted.
"""

from __future__ import annotations

import logging

from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation.errors import Conflict
from annotation.models import GATE_PASSED, Round, User
from annotation.selectors.rounds.decisions import former_round
from annotation.selectors.rounds.gate import may_override
from annotation.selectors.rounds.leaks import find_leaks
from annotation.services import audit
from annotation.services.rounds.lifecycle import State, reason_or_invalid

logger = logging.getLogger(__name__)


def promote_round(*, round: Round, actor: User | None, reason: str) -> Round:
    """Let a decided round serve and supersede the former one, in one transaction.

    A round that the gate refused may be promoted all the same: the written reason is an override.
    """
    why = reason_or_invalid(reason)
    round.refresh_from_db()
    was = State.REFUSED if may_override(round) else State.AWAITING_DECISION
    if leaks := find_leaks(round):
        raise Conflict(
            f"Round {round.number} leaks in {len(leaks)} place(s), first: {leaks[0].sentence}"
            " It cannot be promoted; refuse it.",
            code="leak",
        )
    return _serve(round, actor, why, verb="promote_round", was=was)


def promote_unattended() -> None:
    """Promote what awaits a decision in projects that promote by themselves: demonstrations.

    Only one that passed the gate; one that leaks stays where it is, for a person to refuse.
    """
    waiting = Round.objects.filter(
        GATE_PASSED, state=State.AWAITING_DECISION, project__promotes_itself=True
    ).select_related("project")
    for round in waiting[:20]:
        try:
            promote_round(round=round, actor=None, reason="The project promotes by itself.")
        except Conflict as error:
            logger.warning("round %s is not promoted: %s", round.id, error.sentence)


@transaction.atomic
def refuse_round(*, round: Round, actor: User | None, reason: str) -> Round:
    """Put a round aside; the former one goes on serving."""
    why = reason_or_invalid(reason)
    refused = Round.objects.filter(pk=round.pk, state=State.AWAITING_DECISION).update(
        state=State.REFUSED, **_decision(actor, why)
    )
    if not refused:
        raise Conflict(_not_now(round, "refused"))
    _record(round, actor, why, "refuse_round")
    round.refresh_from_db()
    return round


def rollback_round(*, round: Round, actor: User | None, reason: str) -> Round:
    """Take the serving round out of service and let the one before it serve again; return that.

    Never one that was itself rolled back; the decisions that let either of them serve stay.
    """
    why = reason_or_invalid(reason)
    round.refresh_from_db()
    if round.state != State.SERVING:
        raise Conflict(_not_now(round, "rolled back"))
    former = former_round(round)
    if former is None:
        raise Conflict(
            f"No round served before round {round.number}, but for those that were rolled back "
            "themselves, so it cannot be rolled back."
        )
    # The row of the former round keeps its own promotion; this decision is the audit's.
    return _serve(former, actor, why, verb="rollback_round", was=State.SUPERSEDED, over=round)


def _serve(
    round: Round,
    actor: User | None,
    why: str,
    *,
    verb: str,
    was: str,
    over: Round | None = None,
) -> Round:
    serving = Round.objects.filter(project=round.project, state=State.SERVING)
    if over is not None:  # another may have been promoted since it was looked at
        serving = serving.filter(pk=over.pk)
    try:
        with transaction.atomic():
            stood_down = serving.update(state=State.SUPERSEDED)
            if over is not None and not stood_down:
                raise Conflict(_not_now(over, "rolled back"))
            decision = {} if over is not None else _decision(actor, why)
            served = Round.objects.filter(pk=round.pk, state=was).update(
                state=State.SERVING, **decision
            )
            if not served:
                raise Conflict(_not_now(round, "promoted"))
            _record(round, actor, why, verb, over)
    except IntegrityError:
        raise Conflict("Another round was promoted at this moment; look again.") from None
    round.refresh_from_db()
    return round


def _decision(actor: User | None, why: str) -> dict[str, object]:
    return {"decided_by": actor, "decided_at": timezone.now(), "decision_reason": why}


def _not_now(round: Round, deed: str) -> str:
    round.refresh_from_db()
    return f"Round {round.number} is {round.get_state_display().lower()} and cannot be {deed}."


def _record(
    round: Round, actor: User | None, why: str, verb: str, over: Round | None = None
) -> None:
    facts: dict[str, str | int | float | bool | None] = {"number": round.number, "reason": why}
    if over is not None:
        facts["instead_of"] = over.number
    audit.record(project=round.project, actor=actor, verb=verb, target=round.id, facts=facts)
