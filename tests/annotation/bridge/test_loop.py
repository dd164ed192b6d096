from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import LazySettings

from annotation import storage
from annotation.bridge import loop, phases
from annotation.bridge.watch import NO_CALLBACKS, Callbacks
from annotation.models import EnsembleMember, Project, Proposal, Round
from annotation.selectors.rounds import records
from annotation.services.rounds import claiming
from annotation.services.rounds.lifecycle import cancel_round, resume_round
from annotation.services.rounds.planning import plan_round
from mlloop.contract.manifest import EvaluateManifest, ProposeManifest, write_manifest
from tests.support.fake_child import FITTED_T8
from tests.support.learning import fake_learner, fill_project, read_sealed, small_plan


@pytest.fixture
def planned(project: Project) -> Round:
    fill_project(project)
    return plan_round(project=project, actor=None, plan=small_plan())


def rows_of(round: Round) -> list[tuple[object, ...]]:
    proposals = Proposal.objects.filter(round=round).order_by("image_id", "network", "kind")
    members = round.members.order_by("network", "fold")
    fields = ("image_id", "network", "kind", "members", "probability_key", "disagreement")
    return [
        *proposals.values_list(*fields),
        *members.values_list("network", "fold", "state", "weights_sha256", "attempts"),
    ]


def test_a_round_runs_from_plan_to_decision(planned: Round) -> None:
    said: list[str] = []
    seen: list[tuple[str, int, int]] = []
    done = loop.run_until_decision(
        planned,
        learner=fake_learner(),
        say=said.append,
        on_progress=lambda *progress: seen.append(progress),
    )

    assert done.state == Round.State.AWAITING_DECISION, done.failure
    assert done.members.filter(state="done").count() == 6
    assert [line.split(": ")[1] for line in said] == ["training.", "proposing.", "evaluating."]
    assert ("training", 12, 12) in seen
    member = done.members.first()
    assert member.epoch == member.epochs == 2
    assert storage.digest_of(member.weights_key) == member.weights_sha256
    # 8 covid images by 2 networks and their ensemble; no proposal for controls.
    assert Proposal.objects.filter(round=done).count() == 24
    kinds = dict(done.proposals.filter(image__patient__key="u0").values_list("network", "kind"))
    assert kinds == {
        **{network.key: "mean" for network in small_plan().networks},
        "ensemble": "ensemble",
    }


def test_training_is_handed_only_the_other_folds(planned: Round) -> None:
    loop.run_until_decision(planned, learner=fake_learner())
    folds = {case.patient: case.fold for case in records.round_snapshot(planned).train}
    for member in planned.members.all():
        assert member.card["loaded_patients"]
        assert member.fold not in {folds[patient] % 3 for patient in member.card["loaded_patients"]}


def test_thresholds_are_fitted_on_references_and_reach_the_rows_and_the_sealed_set(
    planned: Round,
) -> None:
    handed: list[object] = []
    read_sealed(planned.project)

    def write(path: Path, manifest: loop.Manifest) -> str:
        handed.append(manifest)
        return write_manifest(path, manifest)

    done = loop.run_until_decision(planned, learner=replace(fake_learner(), write=write))
    assert done.state == "awaiting_decision", done.failure
    proposing, evaluating = handed[-2:]
    assert isinstance(proposing, ProposeManifest)
    assert isinstance(evaluating, EvaluateManifest)
    masks = {case.image: case.mask_path for case in proposing.cases}
    work = phases.work_folder(done)
    stored = {Path(case.image_path).parent for case in proposing.cases}
    assert stored == {work / "proposals" / "stored"}  # no path of the store itself
    assert sorted(proposing.references) == sorted(image for image, mask in masks.items() if mask)
    assert len(proposing.references) == 6
    assert set(
        done.proposals.filter(label__key="infection").values_list("threshold", flat=True)
    ) == {FITTED_T8}
    assert evaluating.calibration is not None
    assert evaluating.calibration.t8_of("ensemble") == FITTED_T8
    assert done.figures.calibration.thresholds[0].plan_t8 == small_plan().threshold


def test_metrics_say_what_they_are(planned: Round) -> None:
    read_sealed(planned.project, 18)
    done = loop.run_until_decision(planned, learner=fake_learner())
    assert done.state == "awaiting_decision", done.failure
    sealed = done.figures.sealed.pooled
    assert (sealed.value, sealed.n, sealed.convention) == (0.75, 20, "pooled")
    assert done.figures.proposals["ensemble"].per_image.n == 6
    assert 0 < done.figures.proposals[small_plan().networks[0].key].pooled.value < 1
    assert done.figures.leaks == 0
    seconds = done.figures.seconds
    assert None not in (seconds.training, seconds.proposing, seconds.evaluating, seconds.total)
    document = json.loads(storage.read(done.evaluation_key))
    assert {case["tp"] for case in document["cases"]} == {30}
    planned.project.refresh_from_db()
    assert planned.project.sealed_looks == 1


def test_without_sealed_reads_nothing_is_measured_and_no_look_is_counted(
    project: Project,
) -> None:
    fill_project(project, sealed=0)
    done = loop.run_until_decision(
        plan_round(project=project, actor=None, plan=small_plan()), learner=fake_learner()
    )
    assert done.figures.sealed.per_image.n == 0
    assert done.figures.sealed.per_image.value is None
    project.refresh_from_db()
    assert project.sealed_looks == 0


def test_doing_any_step_twice_changes_nothing(planned: Round) -> None:
    learner = fake_learner()
    loop.run_until_decision(planned, learner=learner)
    before = rows_of(planned)
    for member in planned.members.all():
        assert phases.train_member(member.pk, learner=learner) is False
    assert phases.propose_round(planned.pk, learner=learner) is False
    assert phases.evaluate_round(planned.pk, learner=learner) is False
    assert loop.sweep() == loop.Due([], [], [])
    assert rows_of(planned) == before


def test_a_child_that_died_once_is_tried_again(planned: Round, tmp_path: Path) -> None:
    learner = fake_learner("--crash-once", str(tmp_path / "crashed"))
    done = loop.run_until_decision(planned, learner=learner)
    assert done.state == Round.State.AWAITING_DECISION
    assert sorted(done.members.values_list("attempts", flat=True)) == [1, 1, 1, 1, 1, 2]


def test_three_failures_end_the_round_with_the_childs_reason_and_resume_goes_on(
    planned: Round,
) -> None:
    failed = loop.run_until_decision(planned, learner=fake_learner("--fail"))
    assert failed.state == Round.State.FAILED
    assert "This failure was planted." in failed.failure

    resume_round(round=failed, actor=None)
    done = loop.run_until_decision(failed, learner=fake_learner())
    assert done.state == Round.State.AWAITING_DECISION
    assert done.failure == ""


@pytest.mark.parametrize("at", ["training", "proposing"])
def test_a_cancel_stops_the_child_and_resume_finishes(planned: Round, at: str) -> None:
    def cancel(phase: str, done: int, total: int) -> None:
        planned.refresh_from_db()
        if planned.state == at and not planned.cancel_requested:
            cancel_round(round=planned, actor=None)

    learner = fake_learner("--slow", "0.6")
    quick = fake_learner()
    if at == "proposing":
        while planned.state != "proposing":
            claiming.advance_round(planned)
            planned.refresh_from_db()
            loop._work_once(planned, quick, NO_CALLBACKS) if planned.state == "training" else None
    began = time.monotonic()
    stopped = loop.run_until_decision(planned, learner=learner, on_progress=cancel)
    assert stopped.state == Round.State.CANCELLED
    assert time.monotonic() - began < 10
    assert not EnsembleMember.objects.filter(round=planned, claim_token__isnull=False).exists()

    resume_round(round=stopped, actor=None)
    assert loop.run_until_decision(stopped, learner=quick).state == "awaiting_decision"


def test_a_worker_that_shuts_down_gives_its_row_back_unspent(
    planned: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    claiming.advance_round(planned)
    leaving = threading.Event()
    leaving.set()
    monkeypatch.setattr(phases, "STOPPING", leaving)
    member = planned.members.first()
    assert phases.train_member(member.pk, learner=fake_learner("--slow", "0.5"))
    member.refresh_from_db()
    assert (member.state, member.attempts, member.claim_token) == ("due", 0, None)


def test_a_lost_claim_writes_nothing(planned: Round) -> None:
    claiming.advance_round(planned)
    member = planned.members.first()

    def lose(phase: str, done: int, total: int) -> None:
        EnsembleMember.objects.filter(pk=member.pk).update(claim_token=planned.pk)

    callbacks = Callbacks(lose, None)
    phases.train_member(member.pk, learner=fake_learner("--slow", "0.4"), callbacks=callbacks)
    member.refresh_from_db()
    assert (member.state, member.weights_key, member.claim_token) == ("running", "", planned.pk)


@pytest.mark.postgres
def test_slots_train_side_by_side(
    transactional_db: None, settings: LazySettings, make_project: Callable[[], Project]
) -> None:
    settings.TRAIN_SLOTS = 2
    project = make_project()
    fill_project(project)
    round = plan_round(project=project, actor=None, plan=small_plan(networks=1))
    done = loop.run_until_decision(round, learner=fake_learner("--slow", "0.2"))
    assert done.state == Round.State.AWAITING_DECISION, done.failure
    assert done.members.filter(state="done").count() == 3


@pytest.fixture
def make_project() -> Callable[[], Project]:
    from annotation.services.projects import create_project

    return lambda: create_project(slug="side", name="Side", actor=None)
