"""The decisions about a round, from the append-only audit, and the round that a rollback leads to.

A round's row keeps only the decision that promoted or refused it. The audit has all decisions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import QuerySet

from annotation.models import AuditEvent, Project, Round, User
from annotation.selectors.rounds.sealed import shown_reason

_ACTIONS = {
    "promote_round": "Promoted",
    "refuse_round": "Refused",
    "close_round": "Closed",
    "rollback_round": "Serves again",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about a round: what was done, by whom, when and why."""

    action: str
    by: User | None
    at: datetime
    reason: str


def former_round(round: Round) -> Round | None:
    """Return the round that serves again if the serving round is rolled back; None without one.

    It is the last round that served before and was not rolled back itself. A round that was rolled
    back was taken out of service for a reason, so it never returns.
    """
    superseded = round.project.rounds.filter(state=Round.State.SUPERSEDED)
    if not superseded.exists():
        return None
    # Rounds are promoted in the order of their numbers: after a promotion, no earlier round can be
    # resumed. So the highest number was promoted last.
    return superseded.exclude(number__in=_rolled_back(round.project)).order_by("-number").first()


def decisions_about(round: Round) -> tuple[Decision, ...]:
    """Return every decision about a round, the oldest first."""
    rows = _events(round.project, *_ACTIONS).select_related("actor").order_by("created_at")
    decisions = []
    for row in rows:
        if row.target == str(round.id):
            decision = _decision(row, _ACTIONS[row.verb])
            decisions.append(replace(decision, reason=shown_reason(round, decision.reason)))
        elif row.facts.get("instead_of") == round.number:
            decisions.append(
                _decision(row, f"Rolled back in favour of round {row.facts['number']}")
            )
    return tuple(decisions)


def _rolled_back(project: Project) -> set[int]:
    events = _events(project, "rollback_round").values_list("facts", flat=True)
    return {int(facts["instead_of"]) for facts in events}


def _events(project: Project, *verbs: str) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(project=project, verb__in=verbs)


def _decision(row: AuditEvent, action: str) -> Decision:
    return Decision(action, row.actor, row.created_at, str(row.facts.get("reason", "")))
