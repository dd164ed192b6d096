"""Drive rounds from phase to phase: one round in the foreground, or all rounds by a worker."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.db.models import Q

from annotation.bridge.learner import LEARNER, Learner
from annotation.bridge.phases import evaluate_round, propose_round, train_member
from annotation.bridge.watch import Callbacks, OnProgress, Say
from annotation.models import RUNNING_STATES, EnsembleMember, Round
from annotation.selectors.rounds.progress import phase_progress
from annotation.services import claims
from annotation.services.rounds import claiming, decisions

State = Round.State


def run_until_decision(
    round: Round,
    *,
    on_progress: OnProgress | None = None,
    say: Say | None = None,
    learner: Learner = LEARNER,
) -> Round:
    """Work on a round in this process until it ends or needs a decision; return the round.

    Workers may work on the same round at the same time.
    """
    callbacks, said_state = Callbacks(on_progress, say), ""
    while True:
        claiming.advance_round(round)
        round.refresh_from_db()
        if round.state not in RUNNING_STATES:
            return round
        if say and round.state != said_state:
            said_state = round.state
            say(f"Round {round.number}: {round.get_state_display().lower()}.")
        if not _work_once(round, learner, callbacks):
            time.sleep(0.5)
        if on_progress:
            on_progress(*phase_progress(round))


@dataclass(frozen=True, slots=True)
class Due:
    """Rows that a worker may claim now."""

    members: list[UUID]
    proposing: list[UUID]
    evaluating: list[UUID]


def sweep() -> Due:
    """Advance running rounds, promote unattended ones, and return at most 20 due rows of a kind."""
    for round in Round.objects.filter(state__in=RUNNING_STATES).select_related("project")[:100]:
        claiming.advance_round(round)
    decisions.promote_unattended()
    is_wanted = Q(cancel_requested=False)
    return Due(
        members=claims.due_ids(EnsembleMember, _due_members()),
        proposing=claims.due_ids(Round, is_wanted & Q(state=State.PROPOSING)),
        evaluating=claims.due_ids(Round, is_wanted & Q(state=State.EVALUATING)),
    )


def _due_members() -> Q:
    return claiming.MEMBER_DUE & Q(round__state=State.TRAINING, round__cancel_requested=False)


def _work_once(round: Round, learner: Learner, callbacks: Callbacks) -> bool:
    """Do the work that is due now; return False if this process could claim none."""
    if round.state == State.PROPOSING:
        return propose_round(round.pk, learner=learner, callbacks=callbacks)
    if round.state == State.EVALUATING:
        return evaluate_round(round.pk, learner=learner, callbacks=callbacks)
    due = claims.due_ids(EnsembleMember, _due_members() & Q(round=round))
    slots = min(settings.TRAIN_SLOTS, len(due))
    if slots < 2:
        return bool(due) and train_member(due[0], learner=learner, callbacks=callbacks)

    def train(member_id: UUID) -> bool:
        try:
            return train_member(member_id, learner=learner, callbacks=callbacks)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(slots) as pool:
        return any(list(pool.map(train, due)))
