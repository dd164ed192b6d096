"""The Celery tasks, their policy in one decorator, and the timer of each worker.

A task is one call. A message is only a hint: the claim decides which worker does the work. Lost or
doubled messages change nothing, because every worker looks for due rows regularly. Every worker
also does the regular chores. Arguments are ids only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from celery.worker import state as worker_state
from django.conf import settings
from django.db import OperationalError, close_old_connections

from annotation.bridge import leftovers, loop, phases, timing
from annotation.bridge.learner import STOPPING
from annotation.models import Intake, PlanEstimate, Project, Release
from annotation.services import claims
from annotation.services.intake import uploads
from annotation.services.reading import closing_reopened, lost_drafts
from annotation.services.releases import freezing
from annotation.services.rounds import estimates
from annotation.services.upkeep import unused_files

logger = logging.getLogger(__name__)
_TRAINING = threading.BoundedSemaphore(settings.TRAIN_SLOTS)


def durable_task(function: Callable[[str], None]) -> Any:
    """Return the function as a task that takes an id and returns nothing.

    It acknowledges late, has a time limit, and tries a busy database again three times.
    """
    return shared_task(
        name=f"annotation.{function.__name__}",
        acks_late=True,
        reject_on_worker_lost=True,
        ignore_result=True,
        time_limit=settings.CELERY_TASK_TIME_LIMIT,
        autoretry_for=(OperationalError,),
        retry_backoff=2,
        max_retries=3,
    )(function)


@durable_task
def train_member(member_id: str) -> None:
    """Train one ensemble member. If this worker's training slots are full, the row stays due."""
    if not _TRAINING.acquire(blocking=False):
        return
    try:
        phases.train_member(UUID(member_id))
    finally:
        _TRAINING.release()


@durable_task
def propose_round(round_id: str) -> None:
    """Propose on a round's images."""
    phases.propose_round(UUID(round_id))


@durable_task
def evaluate_round(round_id: str) -> None:
    """Measure a round."""
    phases.evaluate_round(UUID(round_id))


@durable_task
def estimate_plan(estimate_id: str) -> None:
    """Measure what a plan costs."""
    timing.estimate_plan(UUID(estimate_id))


@durable_task
def run_intake(intake_id: str) -> None:
    """Import one upload."""
    uploads.run_intake(intake_id=UUID(intake_id))


@durable_task
def run_release(release_id: str) -> None:
    """Freeze one release."""
    freezing.run_release(release_id=UUID(release_id))


@durable_task
def clear_unused_files(project_id: str) -> None:
    """Delete one project's stored pictures that no row refers to."""
    unused_files.clear_unused_files(project_id=UUID(project_id))


def dispatch_due(queues: Iterable[str], busy: Counter[str]) -> int:
    """Send messages for due rows, at most as many as this worker can start now; return how many.

    `busy` counts the messages that this worker holds already, by task name.
    """
    if STOPPING.is_set():
        return 0
    closing_reopened.close_lapsed_reopened()
    due = loop.sweep()
    claims.give_up(model=Intake, due=uploads.DUE, state=Intake.State.FAILED)
    claims.give_up(model=Release, due=freezing.DUE, state=Release.State.FAILED)
    claims.give_up(model=PlanEstimate, due=estimates.DUE, state=PlanEstimate.State.FAILED)
    # Without the limit, a row that waits for a free slot would be sent again at every sweep.
    work = (
        ("train", train_member, due.members, settings.TRAIN_SLOTS),
        ("propose", propose_round, due.proposing, 1),
        ("propose", evaluate_round, due.evaluating, 1),
        ("train", estimate_plan, claims.due_ids(PlanEstimate, estimates.DUE), 1),
        ("io", run_intake, claims.due_ids(Intake, uploads.DUE), 1),
        ("io", run_release, claims.due_ids(Release, freezing.DUE), 1),
    )
    known, sent = set(queues), 0
    for queue, task, ids, slots in work:
        if queue not in known:
            continue
        for pk in ids[: max(0, slots - busy[task.name])]:
            task.apply_async((str(pk),), queue=queue)
            sent += 1
    return sent


def dispatch_file_clearing(queues: Iterable[str]) -> int:
    """Send one message a project to clear its unused files; return how many.

    Clearing takes too long for the timer itself.
    """
    if "io" not in queues:
        return 0
    ids = list(Project.objects.values_list("id", flat=True))
    for pk in ids:
        clear_unused_files.apply_async((str(pk),), queue="io")
    return len(ids)


class Chore:
    """Run a chore when a worker starts and then regularly. Two workers may run it at the same time.

    A monotonic clock measures the interval, so a change of the system's date has no effect.
    """

    def __init__(self, chore: Callable[[], int], every: timedelta) -> None:
        self._chore = chore
        self._every = every.total_seconds()
        self._done_at: float | None = None

    def run(self) -> None:
        """Run the chore if it is due. If it raises, it is due again at the next sweep."""
        now = time.monotonic()
        if self._done_at is None or now - self._done_at >= self._every:
            if done := self._chore():
                logger.info("%s: %d", self._chore.__name__, done)
            self._done_at = now


@worker_ready.connect
def start_timer(sender: Any, **_: object) -> None:
    """Sweep every SWEEP_SECONDS by the worker's own timer, so that no beat process is needed."""
    queues = [queue.name for queue in sender.app.amqp.queues.consume_from.values()]

    def clear_files() -> int:
        return dispatch_file_clearing(queues)

    chores = (
        Chore(lost_drafts.purge_lost_drafts, timedelta(days=1)),
        # A file is deleted at the second look that finds it unused: here within a day.
        Chore(clear_files, timedelta(hours=6)),
        Chore(leftovers.clear_left_folders, timedelta(hours=1)),
    )

    def sweep() -> None:
        close_old_connections()
        try:
            busy = Counter(request.name for request in worker_state.reserved_requests)
            dispatch_due(queues, busy)
            for chore in chores:
                chore.run()
        except Exception:  # the timer drops a callback that raises, and would never sweep again
            logger.exception("the sweep failed; the next one tries again")

    sender.timer.call_repeatedly(settings.SWEEP_SECONDS, sweep)


@worker_shutting_down.connect
def stop_children(**_: object) -> None:
    """Make children stop. They save their state, and their rows become due again."""
    STOPPING.set()
