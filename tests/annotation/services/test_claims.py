from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.db.models import Q
from django.utils import timezone

from annotation.models import Intake, Project
from annotation.services import claims, workers

pytestmark = pytest.mark.postgres

DUE = Q(state__in=("due", "running"))


@pytest.fixture
def row(project: Project) -> Intake:
    return Intake.objects.create(project=project, folder="x")


def take(row: Intake) -> claims.Claim | None:
    return claims.take(model=Intake, pk=row.pk, due=DUE, sets={"state": "running"})


def test_the_second_claim_gets_nothing(row: Intake) -> None:
    assert take(row)
    assert take(row) is None
    row.refresh_from_db()
    assert (row.attempts, row.state, row.claimed_by) == (1, "running", workers.identity())


def test_a_claim_that_beats_is_kept_and_a_stale_one_is_taken_over(row: Intake) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        first = take(row)
        clock.shift(timedelta(seconds=59))
        assert take(row) is None
        claims.update(first)
        clock.shift(timedelta(seconds=59))
        assert take(row) is None
        assert claims.due_ids(Intake, DUE) == []
        clock.shift(timedelta(seconds=2))
        assert claims.due_ids(Intake, DUE) == [row.pk]
        second = take(row)
        assert second
        with pytest.raises(claims.ClaimLost):
            claims.update(first, done=99)
    row.refresh_from_db()
    assert (row.done, row.claim_token, row.attempts) == (0, second.token, 2)


def test_a_dead_process_of_this_machine_is_taken_over_at_once(row: Intake) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"{workers.machine()}{child.pid}/{workers._start_tick(child.pid)}"
    take(row)
    Intake.objects.update(claimed_by=name)
    assert not workers.is_dead(name)
    assert take(row) is None
    child.communicate(b"\n")
    assert workers.is_dead(name)
    assert claims.due_ids(Intake, DUE) == [row.pk]
    assert take(row)


def test_a_process_of_another_machine_is_never_presumed_dead(row: Intake) -> None:
    assert not workers.is_dead("elsewhere/ab/pid:[1]/1/1")


def test_after_three_attempts_the_row_fails_with_the_reason(
    row: Intake, settings: LazySettings
) -> None:
    for _ in range(settings.MAX_ATTEMPTS):
        claims.release(take(row), failure="disk full")
    assert take(row) is None
    assert claims.due_ids(Intake, DUE) == []
    assert claims.give_up(model=Intake, due=DUE, state="failed") == 1
    assert claims.give_up(model=Intake, due=DUE, state="failed") == 0
    row.refresh_from_db()
    assert (row.state, row.failure) == ("failed", "disk full")


def test_a_worker_that_died_silently_three_times_is_named(
    row: Intake, settings: LazySettings
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(settings.MAX_ATTEMPTS):
            assert take(row)
            clock.shift(timedelta(seconds=61))
        claims.give_up(model=Intake, due=DUE, state="failed")
    row.refresh_from_db()
    assert row.failure == "Given up after 3 attempts: the worker died each time."


def test_a_refund_forgets_the_attempt(row: Intake) -> None:
    claims.release(take(row), is_refunded=True, state="due")
    row.refresh_from_db()
    assert (row.attempts, row.state, row.claim_token) == (0, "due", None)


def test_the_pulse_raises_when_the_claim_is_gone(row: Intake, settings: LazySettings) -> None:
    heartbeat = claims.Heartbeat(take(row))
    settings.HEARTBEAT_SECONDS = 0.0
    heartbeat.beat()
    Intake.objects.update(claim_token=row.pk)
    with pytest.raises(claims.ClaimLost):
        heartbeat.beat()
