"""A cancel during the evaluation: the round stops, no look is counted, and it is not promoted."""

from __future__ import annotations

import pytest

from annotation.bridge import loop, phases
from annotation.bridge.watch import NO_CALLBACKS, Callbacks
from annotation.models import Project, Round
from annotation.round_figures import Gate, RoundFigures, SealedCase
from annotation.services import claims
from annotation.services.rounds import claiming, recording
from annotation.services.rounds.lifecycle import cancel_round, resume_round
from annotation.services.rounds.planning import plan_round
from mlloop.contract.errors import Stopped
from tests.support.factories import make_round
from tests.support.learning import fake_learner, fill_project, small_plan


@pytest.fixture
def evaluating(project: Project) -> Round:
    """A round that has proposed and is to be evaluated."""
    fill_project(project, sealed=20)
    round = plan_round(project=project, actor=None, plan=small_plan())
    while round.state != Round.State.EVALUATING:
        claiming.advance_round(round)
        round.refresh_from_db()
        loop._work_once(round, fake_learner(), NO_CALLBACKS)
        round.refresh_from_db()
    return round


def looks_at(project: Project) -> int:
    return Project.objects.values_list("sealed_looks", flat=True).get(pk=project.pk)


def test_cancel_when_the_child_has_ended_and_proposals_are_measured_then_the_round_stops(
    evaluating: Round,
) -> None:
    def cancel(_phase: str, _done: int, _total: int) -> None:
        has_ended = any(phases.work_folder(evaluating).glob("evaluation-*/evaluation.json"))
        evaluating.refresh_from_db()
        if has_ended and evaluating.state == "evaluating" and not evaluating.cancel_requested:
            cancel_round(round=evaluating, actor=None)

    learner, callbacks = fake_learner(), Callbacks(cancel, None)
    assert phases.evaluate_round(evaluating.pk, learner=learner, callbacks=callbacks)
    evaluating.refresh_from_db()
    assert (evaluating.state, evaluating.claim_token) == ("cancelled", None)
    assert evaluating.figures.sealed is None
    assert looks_at(evaluating.project) == 0

    assert phases.evaluate_round(evaluating.pk, learner=learner, callbacks=callbacks) is False
    evaluating.refresh_from_db()
    assert evaluating.state == "cancelled"

    resume_round(round=evaluating, actor=None)
    assert phases.evaluate_round(evaluating.pk, learner=learner)
    assert phases.evaluate_round(evaluating.pk, learner=learner) is False
    evaluating.refresh_from_db()
    assert evaluating.state == "awaiting_decision"
    assert looks_at(evaluating.project) == 1


@pytest.mark.parametrize("outcome", ["passed", "refused"])
def test_cancel_when_asked_for_just_before_the_last_write_then_the_cancel_wins(
    project: Project, outcome: str
) -> None:
    round = make_round(project, number=1, state="evaluating")
    claim = claiming.claim_round(round.pk, Round.State.EVALUATING)
    assert isinstance(claim, claims.Claim)
    cancel_round(round=round, actor=None)
    with pytest.raises(Stopped):
        recording.finish_evaluating(
            claim,
            round,
            cases=[SealedCase("i", "p", "covid", tp=1, fp=0, fn=0, tn=0)],
            figures=RoundFigures(gate=Gate(outcome, "As planted.", 0.0, None)),
            report={},
            seconds=1.0,
        )
    round.refresh_from_db()
    assert (round.state, round.report_key, looks_at(project)) == ("evaluating", "", 0)
    claiming.give_back(claim)
    claiming.advance_round(round)
    round.refresh_from_db()
    assert (round.state, round.attempts) == ("cancelled", 0)
