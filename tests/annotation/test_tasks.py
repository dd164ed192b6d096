from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
from celery.app.task import Task

from annotation import loop, tasks
from annotation.models import Project, Round
from annotation.services.rounds import plan_round
from tests.annotation.learning import fake_learner, fill_project, small_plan

Sent = list[tuple[str, str]]
QUEUES = ("train", "propose", "io")
ALL = ("train_member", "propose_round", "evaluate_round", "run_intake", "run_release")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Catch the messages at the broker's door."""
    messages: Sent = []

    def keep(self: Task, args: tuple[str, ...] = (), *, queue: str) -> None:
        assert queue in QUEUES
        messages.append((self.name.rpartition(".")[2], *args))

    monkeypatch.setattr(Task, "apply_async", keep)
    return messages


@pytest.fixture
def training(project: Project) -> Round:
    fill_project(project)
    round = plan_round(project=project, actor=None, plan=small_plan())
    loop.sweep()
    round.refresh_from_db()
    return round


@pytest.mark.parametrize("name", ALL)
def test_every_task_has_the_one_policy(name: str) -> None:
    task = getattr(tasks, name)
    assert task.acks_late
    assert task.reject_on_worker_lost
    assert task.ignore_result
    assert task.time_limit == 24 * 3600
    assert task.max_retries == 3


def test_a_sweep_starts_the_round_and_sends_no_more_than_the_slots(
    training: Round, sent: Sent
) -> None:
    assert training.state == Round.State.TRAINING
    assert tasks.dispatch_due(QUEUES, Counter()) == 1
    first = str(training.members.order_by("created_at").first().pk)
    assert sent == [("train_member", first)]
    busy = Counter({"annotation.train_member": 1})
    assert tasks.dispatch_due(QUEUES, busy) == 0


def test_a_worker_sends_only_what_its_own_queues_take(training: Round, sent: Sent) -> None:
    assert tasks.dispatch_due(["io"], Counter()) == 0


@pytest.mark.parametrize("name", ALL)
def test_a_message_about_nothing_changes_nothing(project: Project, name: str) -> None:
    getattr(tasks, name)(str(project.pk))


def run_twice(task: Callable[[str], None], pk: object) -> None:
    task(str(pk))
    task(str(pk))


def test_doubled_and_lost_messages_lead_to_the_same_round(
    training: Round, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("train_member", "propose_round", "evaluate_round"):
        real = getattr(loop, name)
        monkeypatch.setattr(loop, name, lambda pk, real=real: real(pk, learner=fake_learner()))
    for _ in range(20):
        sent.clear()
        tasks.dispatch_due(QUEUES, Counter())
        sent.clear() if _ % 3 == 2 else None  # the broker loses every third hint
        for name, pk in list(sent):
            run_twice(getattr(tasks, name), pk)
    training.refresh_from_db()
    assert training.state == Round.State.AWAITING_DECISION
    assert set(training.members.values_list("attempts", "state")) == {(1, "done")}
    assert training.proposals.count() == 24
    training.project.refresh_from_db()
    assert training.project.sealed_looks == 1


def test_a_full_worker_leaves_the_row_due(training: Round) -> None:
    member = training.members.first()
    held = 0
    while tasks._TRAINING.acquire(blocking=False):
        held += 1
    try:
        tasks.train_member(str(member.pk))
    finally:
        for _ in range(held):
            tasks._TRAINING.release()
    member.refresh_from_db()
    assert (member.state, member.attempts) == ("due", 0)


def test_messages_carry_ids_only(training: Round, sent: Sent) -> None:
    tasks.dispatch_due(QUEUES, Counter())
    json.dumps(sent)
    assert all(len(message) == 2 for message in sent)
