from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from celery.app.task import Task
from django.db import OperationalError
from django.utils import timezone

from annotation import storage, tasks
from annotation.bridge import loop, phases
from annotation.models import LostDraft, Project, Round, User
from annotation.selectors.labels import label_of
from annotation.services.rounds.planning import plan_round
from annotation.services.upkeep import unused_files
from mlloop.pixels.masks import encode_mask
from tests.support.factories import disc, make_assignment, make_image
from tests.support.learning import fake_learner, fill_project, read_sealed, small_plan

pytestmark = pytest.mark.postgres

Sent = list[tuple[str, str]]
QUEUES = ("train", "propose", "io")
ALL = (
    "train_member",
    "propose_round",
    "evaluate_round",
    "estimate_plan",
    "run_intake",
    "run_release",
    "clear_unused_files",
)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Collect the messages instead of sending them to the broker."""
    messages: Sent = []

    def keep(self: Task, args: tuple[str, ...] = (), *, queue: str) -> None:
        assert queue in QUEUES
        messages.append((self.name.rpartition(".")[2], *args))

    monkeypatch.setattr(Task, "apply_async", keep)
    return messages


@pytest.fixture
def training(project: Project) -> Round:
    fill_project(project)
    read_sealed(project)
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
        real = getattr(phases, name)
        monkeypatch.setattr(phases, name, lambda pk, real=real: real(pk, learner=fake_learner()))
    for _ in range(20):
        sent.clear()
        tasks.dispatch_due(QUEUES, Counter())
        sent.clear() if _ % 3 == 2 else None  # the broker loses every third message
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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Let the test say what the worker's clock shows."""
    shown = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: shown.seconds))
    return shown


@pytest.fixture
def timer(transactional_db: None) -> list[Callable[[], None]]:
    """Start a worker's timer and return what it would call every two seconds.

    A sweep gives its connection back, which would end a test's own transaction.
    """
    callbacks: list[Callable[[], None]] = []
    queues = SimpleNamespace(consume_from={"io": SimpleNamespace(name="io")})
    tasks.start_timer(
        sender=SimpleNamespace(
            app=SimpleNamespace(amqp=SimpleNamespace(queues=queues)),
            timer=SimpleNamespace(call_repeatedly=lambda _, call: callbacks.append(call)),
        )
    )
    return callbacks


def lose_draft(project: Project, reader: User, *, days_ago: float) -> LostDraft:
    lost = LostDraft.objects.create(
        assignment=make_assignment(make_image(project), reader, state="submitted"),
        label=label_of(project, "infection"),
        mask_key=storage.put(project.id, b"mask"),
        etag="e",
    )
    LostDraft.objects.filter(pk=lost.pk).update(
        created_at=timezone.now() - timedelta(days=days_ago)
    )
    return lost


def test_old_lost_drafts_are_deleted_by_the_sweep_at_start_and_then_daily(
    project: Project,
    member: Callable[..., User],
    timer: list[Callable[[], None]],
    sent: Sent,
    clock: SimpleNamespace,
) -> None:
    (sweep,) = timer
    reader = member("reader")
    kept = lose_draft(project, reader, days_ago=10)
    lose_draft(project, reader, days_ago=31)
    sweep()
    assert list(LostDraft.objects.all()) == [kept]
    late = lose_draft(project, reader, days_ago=31)
    sweep()
    assert set(LostDraft.objects.all()) == {kept, late}  # not twice a day
    clock.seconds += 86_460
    sweep()
    sweep()
    assert list(LostDraft.objects.all()) == [kept]


def test_messages_to_clear_unused_files_are_sent_every_six_hours_to_workers_with_the_queue(
    project: Project, timer: list[Callable[[], None]], sent: Sent, clock: SimpleNamespace
) -> None:
    (sweep,) = timer
    sweep()
    with time_machine.travel(timezone.now() + timedelta(days=400)):
        sweep()  # a changed date sends no message
    assert sent == [("clear_unused_files", str(project.pk))]
    assert tasks.dispatch_file_clearing(["train", "propose"]) == 0
    clock.seconds += 6 * 3600
    sweep()
    assert len(sent) == 2


def test_unused_files_when_the_message_is_doubled_then_one_look_and_gone_after_the_next(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    files = unused_files.UnusedFiles(lambda: seconds[0])
    monkeypatch.setattr(unused_files, "_UNUSED_FILES", files)
    named = make_image(project)
    unused = storage.put(project.id, encode_mask(disc()))
    run_twice(tasks.clear_unused_files, project.pk)
    assert storage.is_stored(unused)
    seconds[0] = 6 * 3600.0
    run_twice(tasks.clear_unused_files, project.pk)
    assert not storage.is_stored(unused)
    assert storage.read(named.pixels_key)


def test_a_chore_that_fails_is_done_at_the_next_sweep_and_ends_no_worker(
    project: Project, sent: Sent
) -> None:
    calls = []

    def chore() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("database is locked")
        return 0

    repeated = tasks.Chore(chore, timedelta(days=1))
    with pytest.raises(OperationalError):
        repeated.run()
    repeated.run()
    repeated.run()
    assert len(calls) == 2
