"""Decide which round serves: promote, refuse, roll back. Each decision needs a written reason.

Until a round is promoted, the former round serves. A round whose proposals leak is never promoted.
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
from annotation.services.rounds.lifecycle import State, require_reason

logger = logging.getLogger(__name__)


def promote_round(*, round: Round, actor: User | None, reason: str) -> Round:
    """Let a round serve in place of the former round, in one transaction.

    An engineer may also promote a round that the gate refused: the written reason overrides it.
    """
    why = require_reason(reason)
    round.refresh_from_db()
    state_before = State.REFUSED if may_override(round) else State.AWAITING_DECISION
    if leaks := find_leaks(round):
        raise Conflict(
            f"Round {round.number} leaks in {len(leaks)} place(s), first: {leaks[0].sentence}"
            " It cannot be promoted; refuse it.",
            code="leak",
        )
    return _serve(round, actor, why, verb="promote_round", state_before=state_before)


def promote_unattended() -> None:
    """Promote rounds that passed the gate, in projects that promote by themselves (demonstrations).

    A round that leaks is not promoted. It waits for a person to refuse it.
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
    """Refuse a round; the serving round stays in service."""
    why = require_reason(reason)
    refused = Round.objects.filter(pk=round.pk, state=State.AWAITING_DECISION).update(
        state=State.REFUSED, **_decision(actor, why)
    )
    if not refused:
        raise Conflict(_state_sentence(round, "refused"))
    _record(round, actor, why, "refuse_round")
    round.refresh_from_db()
    return round


def rollback_round(*, round: Round, actor: User | None, reason: str) -> Round:
    """Take the serving round out of service; return the earlier round that serves again.

    A round that was rolled back itself is skipped. Both rows keep the decision that promoted them.
    """
    why = require_reason(reason)
    round.refresh_from_db()
    if round.state != State.SERVING:
        raise Conflict(_state_sentence(round, "rolled back"))
    former = former_round(round)
    if former is None:
        raise Conflict(
            f"Round {round.number} cannot be rolled back: there is no earlier round that served and"
            " was not rolled back itself."
        )
    # The former round keeps its own decision in its row. Only the audit records the rollback.
    return _serve(
        former,
        actor,
        why,
        verb="rollback_round",
        state_before=State.SUPERSEDED,
        rolled_back=round,
    )


def _serve(
    round: Round,
    actor: User | None,
    why: str,
    *,
    verb: str,
    state_before: str,
    rolled_back: Round | None = None,
) -> Round:
    serving = Round.objects.filter(project=round.project, state=State.SERVING)
    if rolled_back is not None:  # another round may have been promoted meanwhile
        serving = serving.filter(pk=rolled_back.pk)
    try:
        with transaction.atomic():
            n_superseded = serving.update(state=State.SUPERSEDED)
            if rolled_back is not None and not n_superseded:
                raise Conflict(_state_sentence(rolled_back, "rolled back"))
            decision = {} if rolled_back is not None else _decision(actor, why)
            served = Round.objects.filter(pk=round.pk, state=state_before).update(
                state=State.SERVING, **decision
            )
            if not served:
                raise Conflict(_state_sentence(round, "promoted"))
            _record(round, actor, why, verb, rolled_back)
    except IntegrityError:
        raise Conflict("Another round was promoted at the same moment. Reload the page.") from None
    round.refresh_from_db()
    return round


def _decision(actor: User | None, why: str) -> dict[str, object]:
    return {"decided_by": actor, "decided_at": timezone.now(), "decision_reason": why}


def _state_sentence(round: Round, action: str) -> str:
    round.refresh_from_db()
    return f"Round {round.number} is {round.get_state_display().lower()} and cannot be {action}."


def _record(
    round: Round, actor: User | None, why: str, verb: str, rolled_back: Round | None = None
) -> None:
    facts: dict[str, str | int | float | bool | None] = {"number": round.number, "reason": why}
    if rolled_back is not None:
        facts["instead_of"] = rolled_back.number
    audit.record(project=round.project, actor=actor, verb=verb, target=round.id, facts=facts)
