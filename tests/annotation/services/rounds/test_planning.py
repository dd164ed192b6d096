from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from annotation.bridge import loop
from annotation.errors import Conflict, Invalid, Refused
from annotation.models import AuditEvent, Project, Round, User
from annotation.selectors.rounds.manifests import train_manifest
from annotation.selectors.rounds.records import round_snapshot
from annotation.services.rounds.claiming import advance_round
from annotation.services.rounds.decisions import promote_round, refuse_round, rollback_round
from annotation.services.rounds.lifecycle import cancel_round, close_round, resume_round
from annotation.services.rounds.planning import plan_round
from tests.support.database import unguarded
from tests.support.factories import make_image, make_patient, make_reference
from tests.support.learning import fake_learner, fill_project, no_files, read_sealed, small_plan


def decided(project: Project) -> Round:
    round = plan_round(project=project, actor=None, plan=small_plan(networks=1, folds=2))
    return loop.run_until_decision(round, learner=fake_learner())


def test_a_plan_freezes_references_and_implied_controls_of_the_train_split(
    project: Project,
) -> None:
    made = fill_project(project)
    excluded = make_image(project, seed=900)
    make_reference(excluded, verdict="excluded")
    gone = make_image(project, seed=901)
    make_reference(gone)
    gone.withdrawn_at = timezone.now()
    gone.save()
    quarantined = make_patient(project, "q")
    make_reference(make_image(project, patient=quarantined, seed=902))
    quarantined.state = "quarantined"
    quarantined.save()

    round = plan_round(project=project, actor=None, plan=small_plan())
    snapshot = round_snapshot(round)
    trained = {case.image for case in snapshot.train}
    assert trained == {str(image.id) for image in [*made["read"], *made["controls"]]}
    proposed = {case.image for case in snapshot.propose}
    assert proposed == {str(image.id) for image in [*made["read"], *made["unread"]]}
    controls = [case for case in snapshot.train if case.reference is None]
    assert {(case.verdict, case.mask_key) for case in controls} == {("control", None)}
    assert (round.number, round.n_train, round.folds, round.folds_note) == (1, 8, 3, "")
    assert round.members.count() == 6
    # A later reading does not reach a round that was planned.
    make_reference(made["unread"][0])
    assert round_snapshot(round) == snapshot


def test_manifests_hold_no_sealed_patient_and_not_the_held_out_fold(project: Project) -> None:
    made = fill_project(project)
    round = plan_round(project=project, actor=None, plan=small_plan())
    sealed = {str(image.id) for image in made["sealed"]}
    for member in round.members.all():
        manifest = train_manifest(member, no_files())
        assert {case.image for case in manifest.cases}.isdisjoint(sealed)
        assert member.fold not in {case.fold for case in manifest.cases}
        assert {str(case.image) for case in manifest.cases}


@pytest.mark.parametrize(
    ("folds_of_positives", "k"), [([0, 1, 2, 3], 4), ([0, 1, 2], 3), ([0, 1], 2), ([1, 4, 4], 2)]
)
def test_k_is_lowered_and_said(project: Project, folds_of_positives: list[int], k: int) -> None:
    for i, fold in enumerate(folds_of_positives):
        patient = make_patient(project, f"p{i}", fold=fold)
        make_reference(make_image(project, patient=patient, seed=i))
    round = plan_round(project=project, actor=None, plan=small_plan(folds=5))
    assert round.folds == k
    assert f"5 folds were planned; {k} are used" in round.folds_note
    for member in round.members.all():
        assert any(case.mask_path for case in train_manifest(member, no_files()).cases)


def test_nothing_to_train_on_and_too_few_patients_are_refused(project: Project) -> None:
    make_image(project, group="normal", seed=1)
    with pytest.raises(Refused, match="There is nothing to train on"):
        plan_round(project=project, actor=None, plan=small_plan())
    make_reference(make_image(project, seed=2))
    with pytest.raises(Refused, match="At least 2 folds"):
        plan_round(project=project, actor=None, plan=small_plan())
    assert not Round.objects.exists()


def test_one_open_round_at_a_time(project: Project) -> None:
    fill_project(project)
    first = plan_round(project=project, actor=None, plan=small_plan())
    with pytest.raises(Conflict, match="Round 1 is planned: wait or cancel"):
        plan_round(project=project, actor=None, plan=small_plan())
    cancel_round(round=first, actor=None)
    assert first.state == Round.State.CANCELLED
    second = plan_round(project=project, actor=None, plan=small_plan())
    assert second.number == 2
    with pytest.raises(Conflict, match="Another round is open"):
        resume_round(round=first, actor=None)


def test_stages_follow_promotions_and_rollback_returns_to_the_former(project: Project) -> None:
    fill_project(project)
    with pytest.raises(Invalid, match="Write the reason"):
        promote_round(round=(first := decided(project)), actor=None, reason=" ")
    with pytest.raises(Conflict, match="Round 1 is awaiting decision: decide"):
        plan_round(project=project, actor=None, plan=small_plan())
    assert promote_round(round=first, actor=None, reason="good").state == "serving"
    with pytest.raises(Conflict, match="no earlier round that served and was not rolled back"):
        rollback_round(round=first, actor=None, reason="hm")

    second = decided(project)
    assert (first.stage, second.stage) == ("stage_1", "stage_2")
    first.refresh_from_db()
    assert first.state == "serving"
    promote_round(round=second, actor=None, reason="better")
    first.refresh_from_db()
    assert (first.state, second.state) == ("superseded", "serving")
    with pytest.raises(Conflict, match="cannot be promoted"):
        promote_round(round=second, actor=None, reason="twice")

    third = decided(project)
    assert third.stage == "later"
    assert refuse_round(round=third, actor=None, reason="worse").state == "refused"
    assert rollback_round(round=second, actor=None, reason="a mistake").number == 1
    second.refresh_from_db()
    assert second.state == "superseded"
    verbs = list(AuditEvent.objects.order_by("created_at").values_list("verb", flat=True))
    assert verbs.count("promote_round") == 2
    assert {"plan_round", "refuse_round", "rollback_round"} <= set(verbs)


def test_a_closed_round_is_not_resumed(project: Project) -> None:
    fill_project(project)
    round = plan_round(project=project, actor=None, plan=small_plan())
    with pytest.raises(Conflict, match="can only be closed once"):
        close_round(round=round, actor=None, reason="no")
    cancel_round(round=round, actor=None)
    close_round(round=round, actor=None, reason="wrong plan")
    with pytest.raises(Conflict, match="cannot be resumed"):
        resume_round(round=round, actor=None)


def test_run_round_plans_and_says_it_in_json(project: Project) -> None:
    fill_project(project)
    out = StringIO()
    call_command("run_round", "--project", "pilot", "--preset", "tiny", "--json", stdout=out)
    facts = json.loads(out.getvalue())
    assert (facts["number"], facts["state"], facts["n_train"]) == (1, "planned", 8)


def test_run_round_exits_1_when_refused_and_2_when_misnamed(project: Project) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("run_round", "--project", "pilot", stdout=StringIO())
    assert refused.value.returncode == 1
    assert "nothing to train on" in str(refused.value)
    with pytest.raises(CommandError) as misnamed:
        call_command("run_round", "--project", "nowhere", stdout=StringIO())
    assert misnamed.value.returncode == 2


def test_the_page_shows_the_round_and_takes_the_engineers_decision(
    project: Project, member: Callable[..., User], client: Client
) -> None:
    fill_project(project)
    read_sealed(project)
    client.force_login(member("engineer"))
    empty = client.get("/p/pilot/rounds/").content.decode()
    assert "No round yet" in empty
    assert "Start round" in empty

    page = client.post("/p/pilot/rounds/", {"verb": "start"}, follow=True).content.decode()
    assert "Cancel round" in page
    assert 'hx-trigger="every 2s"' in page
    assert "style=" not in page
    round = Round.objects.get()
    cancel_round(round=round, actor=None)
    poll = client.get("/p/pilot/rounds/1/", headers={"hx-request": "true"})
    assert poll["HX-Refresh"] == "true"
    assert "Resume" in client.get("/p/pilot/rounds/1/").content.decode()

    ready = decided(project)
    page = client.get("/p/pilot/rounds/").content.decode()
    assert "Promote" in page
    assert "n = 22" in page
    page = client.post("/p/pilot/rounds/2/", {"verb": "promote"}, follow=True).content.decode()
    assert "Write the reason for this decision." in page
    client.post("/p/pilot/rounds/2/", {"verb": "promote", "reason": "sound"})
    ready.refresh_from_db()
    assert ready.state == "serving"


def test_a_viewer_sees_no_buttons_and_cannot_decide(
    project: Project, member: Callable[..., User], client: Client
) -> None:
    fill_project(project)
    round = plan_round(project=project, actor=None, plan=small_plan())
    client.force_login(member("viewer"))
    page = client.get("/p/pilot/rounds/1/").content.decode()
    assert "Cancel round" not in page
    answer = client.post("/p/pilot/rounds/1/", {"verb": "cancel"}, follow=True).content.decode()
    assert "Your role here (viewer) does not let you run rounds." in answer
    round.refresh_from_db()
    assert not round.cancel_requested


def test_the_api_starts_shows_and_decides(
    project: Project, member: Callable[..., User], client: Client
) -> None:
    fill_project(project)
    client.force_login(member("engineer"))
    started = client.post("/api/v1/projects/pilot/rounds/", content_type="application/json")
    assert (started.status_code, started.json()["number"]) == (202, 1)
    again = client.post("/api/v1/projects/pilot/rounds/", content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "round_open")
    assert client.get("/api/v1/projects/pilot/rounds/").json()["results"][0]["state"] == "planned"
    url = "/api/v1/projects/pilot/rounds/1/"
    assert client.get(url).json()["members"][0]["state"] == "due"
    cancelled = client.post(f"{url}cancel/", {}, content_type="application/json")
    assert cancelled.json()["state"] == "cancelled"
    early = client.post(f"{url}promote/", {"reason": "x"}, content_type="application/json")
    assert early.status_code == 409
    assert client.get("/api/v1/projects/pilot/rounds/9/").status_code == 404


def test_resume_when_cancelled_as_the_last_member_ended_then_it_goes_on_with_proposing(
    project: Project,
) -> None:
    fill_project(project)
    round = plan_round(project=project, actor=None, plan=small_plan())
    advance_round(round)
    with unguarded():
        round.members.update(state="done")
    assert cancel_round(round=round, actor=None).state == "cancelled"
    assert resume_round(round=round, actor=None).state == "proposing"
