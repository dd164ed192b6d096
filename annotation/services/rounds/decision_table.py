"""The decisions that a person takes about a round, for the API and for the pages.

The API's paths and the pages' forms use the names in this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from annotation.errors import Invalid
from annotation.models import Round, User
from annotation.permissions import Permission, require
from annotation.services.rounds import decisions, lifecycle


class DecisionService(Protocol):
    """A service that takes one decision and returns the round that it changed."""

    def __call__(self, *, round: Round, actor: User | None, reason: str) -> Round: ...


@dataclass(frozen=True, slots=True)
class RoundDecision:
    """The permission that a decision needs, and the service that takes it."""

    permission: Permission
    service: DecisionService


DECISIONS: Mapping[str, RoundDecision] = {
    name: RoundDecision(Permission.RUN_ROUNDS, service)
    for name, service in (
        ("cancel", lifecycle.cancel_round),
        ("resume", lifecycle.resume_round),
        ("close", lifecycle.close_round),
        ("promote", decisions.promote_round),
        ("refuse", decisions.refuse_round),
        ("rollback", decisions.rollback_round),
    )
}


def decide_round(*, name: str, round: Round, actor: User, reason: str) -> Round:
    """Take the decision `name` about `round` and return the round that it changed.

    A rollback returns the round that serves again. Raises Forbidden if the role does not allow it,
    Invalid for an unknown decision or a missing reason, Conflict if the round's state forbids it.
    """
    decision = DECISIONS.get(name)
    if decision is None:
        known = ", ".join(DECISIONS)
        raise Invalid(f"There is no decision {name!r}; the decisions are {known}.", field="verb")
    require(actor, decision.permission, round.project)
    return decision.service(round=round, actor=actor, reason=reason)
