"""All Celery policy in one decorator, one call in each task, and the worker's own timer.

A message is only a hint: the claim decides. Lost or doubled messages change nothing, since every
worker sweeps for due rows by itself, and does the daily chores. Arguments are ids only.
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

from annotation.bridge import loop, phases, timing
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
    """Acknowledge late, limit the time, retry a busy database three times; ids in, nothing out."""
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
    """Train one ensemble member, unless this worker's slots are full: the row stays due."""
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
    """Time a plan briefly."""
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
    """Send a hint for what is due, no more than this worker can begin now; return how many."""
    if STOPPING.is_set():
        return 0
    closing_reopened.close_lapsed_reopened()
    due = loop.sweep()
    claims.give_up(model=Intake, due=uploads.DUE, state=Intake.State.FAILED)
    claims.give_up(model=Release, due=freezing.DUE, state=Release.State.FAILED)
    claims.give_up(model=PlanEstimate, due=estimates.DUE, state=PlanEstimate.State.FAILED)
    # Without the limit a row that waits for a free slot would be sent again at every sweep.
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


def send_unused_files(queues: Iterable[str]) -> int:
    """Send a hint to clear each project's unused files: it takes too long for the timer."""
    if "io" not in queues:
        return 0
    ids = list(Project.objects.values_list("id", flat=True))
    for pk in ids:
        clear_unused_files.apply_async((str(pk),), queue="io")
    return len(ids)


class Chore:
    """Run a chore when a worker starts and then regularly. Two workers may run it at the same time.

    The time between is counted by a clock that only goes forward, even if the date is changed.
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
    """Sweep at once and then by the worker's own clock: no beat process is needed."""
    queues = [queue.name for queue in sender.app.amqp.queues.consume_from.values()]

    def hint_at_unused_files() -> int:
        return send_unused_files(queues)

    chores = (
        Chore(lost_drafts.purge_lost_drafts, timedelta(days=1)),
        # A file goes at the second look: more often than daily, so that it is gone within a day.
        Chore(hint_at_unused_files, timedelta(hours=6)),
    )

    def sweep() -> None:
        close_old_connections()
        try:
            busy = Counter(request.name for request in worker_state.reserved_requests)
            dispatch_due(queues, busy)
            for chore in chores:
                chore.run()
        except Exception:  # the timer drops a callback that raises, and with it all later work
            logger.exception("the sweep failed; the next one tries again")

    sender.timer.call_repeatedly(settings.SWEEP_SECONDS, sweep)


@worker_shutting_down.connect
def stop_children(**_: object) -> None:
    """Let children save their state and give their rows back, so that a restart is quick."""
    STOPPING.set()
