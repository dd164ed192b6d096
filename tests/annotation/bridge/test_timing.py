from __future__ import annotations

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest
from django.conf import settings

from annotation import tasks
from annotation.bridge.learner import STOPPING
from annotation.bridge.timing import estimate_plan
from annotation.errors import Refused
from annotation.models import PlanEstimate, Project
from annotation.services.rounds.estimates import request_estimate
from tests.support.learning import fake_learner, fill_project, small_plan


@pytest.fixture
def asked(project: Project) -> PlanEstimate:
    fill_project(project)
    return request_estimate(project=project, actor=None, plan=small_plan())


def test_estimate_when_asked_for_counts_what_there_is_to_do(asked: PlanEstimate) -> None:
    counted = {name: asked.manifest[name] for name in ("k", "n_train", "n_propose", "n_trained")}
    assert counted == {"k": 3, "n_train": 8, "n_propose": 8, "n_trained": 6}
    assert asked.state == "due"


def test_estimate_when_timed_twice_keeps_the_first_result(asked: PlanEstimate) -> None:
    assert estimate_plan(asked.pk, learner=fake_learner())
    asked.refresh_from_db()
    assert (asked.state, asked.claim_token, asked.failure) == ("done", None, "")
    assert asked.result["seconds_training"] == 600.0 * 2 * 3
    assert not estimate_plan(asked.pk, learner=fake_learner("--fail"))
    asked.refresh_from_db()
    assert asked.state == "done"
    work = settings.DATA_ROOT / "work"
    assert not work.exists() or not list(work.glob("estimate-*"))


def test_estimate_when_the_child_refuses_keeps_its_sentence(asked: PlanEstimate) -> None:
    assert estimate_plan(asked.pk, learner=fake_learner("--fail"))
    asked.refresh_from_db()
    assert (asked.state, asked.failure) == ("failed", "This failure was planted.")


def test_estimate_when_the_worker_shuts_down_is_due_again(asked: PlanEstimate) -> None:
    STOPPING.set()
    try:
        assert estimate_plan(asked.pk, learner=fake_learner("--slow", "30"))
    finally:
        STOPPING.clear()
    asked.refresh_from_db()
    assert (asked.state, asked.attempts, asked.claim_token) == ("due", 0, None)


def test_estimate_when_asked_again_takes_the_place_of_one_that_waits(asked: PlanEstimate) -> None:
    again = request_estimate(
        project=asked.project, actor=None, plan=replace(small_plan(), batch_size=3)
    )
    assert list(asked.project.plan_estimates.all()) == [again]
    assert not estimate_plan(asked.pk, learner=fake_learner())
    assert not estimate_plan(uuid4(), learner=fake_learner())


def test_estimate_when_nothing_can_be_trained_on_is_refused(project: Project) -> None:
    with pytest.raises(Refused, match="nothing to train on"):
        request_estimate(project=project, actor=None, plan=small_plan())
    assert not project.plan_estimates.exists()


def test_sweep_when_an_estimate_is_due_hints_at_it_on_the_train_queue(
    asked: PlanEstimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        tasks.estimate_plan, "apply_async", lambda args, queue: sent.append(f"{queue} {args[0]}")
    )
    assert tasks.dispatch_due(["io"], Counter()) == 0
    assert tasks.dispatch_due(["train"], Counter()) == 1
    assert sent == [f"train {asked.pk}"]


def test_sweep_when_every_attempt_died_gives_the_estimate_up(asked: PlanEstimate) -> None:
    PlanEstimate.objects.update(attempts=settings.MAX_ATTEMPTS)
    assert tasks.dispatch_due(["train"], Counter()) == 0
    asked.refresh_from_db()
    assert asked.state == "failed"
    assert "the worker died each time" in asked.failure
