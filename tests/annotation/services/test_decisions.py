"""Who serves: promotion, refusal, rollback, and the demonstration that promotes by itself."""

from __future__ import annotations

import pytest

from annotation.errors import Conflict, Invalid
from annotation.models import AuditEvent, Project, Round
from annotation.services.decisions import (
    promote_round,
    promote_unattended,
    refuse_round,
    rollback_round,
)
from tests.annotation.factories import make_round


def states(project: Project) -> list[str]:
    return list(project.rounds.order_by("number").values_list("state", flat=True))


def test_promote_lets_one_round_serve_and_supersedes_the_former(project: Project) -> None:
    make_round(project, number=1, state="serving")
    second = make_round(project, number=2, stage="stage_2", state="awaiting_decision")
    promote_round(round=second, actor=None, reason="better on the sealed set")
    assert states(project) == ["superseded", "serving"]
    assert AuditEvent.objects.filter(verb="promote_round").count() == 1


def test_promote_without_a_written_reason_is_refused(project: Project) -> None:
    row = make_round(project, state="awaiting_decision")
    with pytest.raises(Invalid, match="Write the reason"):
        promote_round(round=row, actor=None, reason="  ")
    assert states(project) == ["awaiting_decision"]


@pytest.mark.parametrize("state", ["planned", "training", "refused", "cancelled", "superseded"])
def test_promote_in_another_state_is_a_conflict(project: Project, state: str) -> None:
    row = make_round(project, state=state)
    with pytest.raises(Conflict):
        promote_round(round=row, actor=None, reason="now")
    assert states(project) == [state]


def test_rollback_points_to_the_former_round(project: Project) -> None:
    make_round(project, number=1, state="superseded")
    second = make_round(project, number=2, stage="stage_2", state="serving")
    former = rollback_round(round=second, actor=None, reason="worse in AP views")
    assert former.number == 1
    assert states(project) == ["serving", "superseded"]


def test_refuse_leaves_the_former_round_serving(project: Project) -> None:
    make_round(project, number=1, state="serving")
    second = make_round(project, number=2, stage="stage_2", state="awaiting_decision")
    refuse_round(round=second, actor=None, reason="worse")
    assert states(project) == ["serving", "refused"]


def test_unattended_promotion_only_where_the_project_asks_for_it(project: Project) -> None:
    make_round(project, state="awaiting_decision")
    promote_unattended()
    assert states(project) == ["awaiting_decision"]
    project.promotes_itself = True
    project.save()
    promote_unattended()
    promote_unattended()
    assert states(project) == [Round.State.SERVING]
    assert AuditEvent.objects.filter(verb="promote_round").count() == 1
