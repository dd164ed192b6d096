"""Which round serves: promotion, refusal, rollback, and projects that promote by themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from annotation.errors import Conflict, Invalid
from annotation.models import AuditEvent, Project, Round, User
from annotation.round_figures import Gate, RoundFigures
from annotation.selectors.rounds.decisions import decisions_about
from annotation.selectors.rounds.view import round_view
from annotation.services.rounds import decisions
from annotation.services.rounds.decisions import (
    promote_round,
    promote_unattended,
    refuse_round,
    rollback_round,
)
from tests.support.database import unguarded
from tests.support.factories import make_round

pytestmark = pytest.mark.postgres


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


def test_rollback_when_another_round_was_promoted_meanwhile_touches_neither(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_round(project, number=1, state="superseded")
    second = make_round(project, number=2, stage="stage_2", state="serving")
    third = make_round(project, number=3, stage="later", state="awaiting_decision")
    look = decisions.former_round

    def look_while_another_promotes(round: Round) -> Round | None:
        found = look(round)
        promote_round(round=third, actor=None, reason="better")
        return found

    monkeypatch.setattr(decisions, "former_round", look_while_another_promotes)
    with pytest.raises(Conflict, match="Round 2 is superseded and cannot be rolled back"):
        rollback_round(round=second, actor=None, reason="too late")
    assert states(project) == ["superseded", "superseded", "serving"]
    assert not AuditEvent.objects.filter(verb="rollback_round").exists()


def promoted(project: Project, number: int, actor: User | None = None) -> Round:
    row = make_round(project, number=number, stage="later", state="awaiting_decision")
    return promote_round(round=row, actor=actor, reason=f"round {number} is better")


def serving(project: Project) -> Round:
    return project.rounds.get(state="serving")


def test_rollback_after_a_rollback_then_never_to_a_round_that_was_rolled_back(
    project: Project,
) -> None:
    for number in (1, 2, 3):
        promoted(project, number)
    rollback_round(round=serving(project), actor=None, reason="3 is worse")
    assert serving(project).number == 2
    promoted(project, 4)
    rollback_round(round=serving(project), actor=None, reason="4 is worse")
    assert serving(project).number == 2
    rollback_round(round=serving(project), actor=None, reason="2 is worse too")
    assert serving(project).number == 1
    with pytest.raises(Conflict, match="cannot be rolled back"):
        rollback_round(round=serving(project), actor=None, reason="and 1")
    assert states(project) == ["serving", "superseded", "superseded", "superseded"]
    assert "rollback" not in round_view(serving(project), may_run=True).may


def test_rollback_then_who_promoted_each_round_and_why_is_still_known(
    project: Project, member: Callable[..., User]
) -> None:
    first, second = member("engineer", name="ann"), member("engineer", name="bob")
    one = promoted(project, 1, first)
    two = promoted(project, 2, first)
    rollback_round(round=two, actor=second, reason="worse in AP views")
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.decided_by, one.decision_reason) == (first, "round 1 is better")
    assert (two.decided_by, two.decision_reason) == (first, "round 2 is better")
    assert [(row.action, row.by, row.reason) for row in decisions_about(one)] == [
        ("Promoted", first, "round 1 is better"),
        ("Serves again", second, "worse in AP views"),
    ]
    assert [(row.action, row.by, row.reason) for row in decisions_about(two)] == [
        ("Promoted", first, "round 2 is better"),
        ("Rolled back in favour of round 1", second, "worse in AP views"),
    ]


def test_rounds_page_then_every_decision_with_its_reason(
    project: Project, member: Callable[..., User], client: Client
) -> None:
    engineer = member("engineer", name="ann")
    promoted(project, 1, engineer)
    two = promoted(project, 2, engineer)
    rollback_round(round=two, actor=engineer, reason="worse in AP views")
    client.force_login(engineer)
    text = client.get("/p/pilot/rounds/2/").content.decode()
    assert "Promoted by ann" in text
    assert "round 2 is better" in text
    assert "Rolled back in favour of round 1 by ann" in text
    assert "worse in AP views" in text


def test_refuse_leaves_the_former_round_serving(project: Project) -> None:
    make_round(project, number=1, state="serving")
    second = make_round(project, number=2, stage="stage_2", state="awaiting_decision")
    refuse_round(round=second, actor=None, reason="worse")
    assert states(project) == ["serving", "refused"]


def test_unattended_promotion_only_where_the_project_asks_for_it(project: Project) -> None:
    passed = RoundFigures(gate=Gate("passed", "As planted.", 0.05, None)).to_json()
    row = make_round(project, state="awaiting_decision")
    with unguarded():
        Round.objects.filter(pk=row.pk).update(metrics=passed)
    promote_unattended()
    assert states(project) == ["awaiting_decision"]
    project.promotes_itself = True
    project.save()
    promote_unattended()
    promote_unattended()
    assert states(project) == [Round.State.SERVING]
    assert AuditEvent.objects.filter(verb="promote_round").count() == 1
