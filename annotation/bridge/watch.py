"""Watch a running child: keep its claim alive, record its progress and images, notice a stop.

Every write needs the claim. A lost claim raises ClaimLost, which ends the child.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from uuid import UUID

from annotation.bridge import outputs
from annotation.bridge.child import Event
from annotation.models import EnsembleMember, Round
from annotation.selectors.rounds.progress import phase_progress
from annotation.services import claims
from annotation.services.claims import Claim, Heartbeat
from annotation.services.rounds import proposals
from annotation.services.rounds.proposals import ProposedImage
from mlloop.contract.errors import Stopped
from mlloop.contract.manifest import Case
from mlloop.contract.proposals import is_proposed

OnProgress = Callable[[str, int, int], None]  # phase, done, total
Say = Callable[[str], None]
_WRITE_SECONDS = 1.0
_BATCH = 16  # images in one transaction: about 20 ms on SQLite


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions that are called with the progress of a round that runs in the foreground."""

    on_progress: OnProgress | None
    say: Say | None


NO_CALLBACKS = Callbacks(None, None)


@dataclass(slots=True)
class Watch:
    """Keep a round's claim alive and show its phase's progress."""

    claim: Claim
    round: Round
    state: str
    stopping: threading.Event
    callbacks: Callbacks
    heartbeat: Heartbeat = field(init=False)
    written_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.heartbeat = Heartbeat(self.claim)

    def must_stop(self) -> bool:
        """Send a heartbeat, show progress, and return whether the child must stop."""
        self.heartbeat.beat()
        if self.callbacks.on_progress:
            self.callbacks.on_progress(*phase_progress(self.round))
        wanted = Round.objects.filter(pk=self.round.pk, state=self.state, cancel_requested=False)
        return self.stopping.is_set() or not wanted.exists()

    def raise_if_stopped(self) -> None:
        """Call `must_stop` between two steps that run no child; raise Stopped if it is True."""
        if self.must_stop():
            raise Stopped

    def handle_event(self, event: Event) -> None:
        """Record a child's progress, at most once a second."""
        if event.get("event") != "progress":
            return
        if self._is_write_due(event.get("done") == event.get("total")):
            kept = ("done", "total", "eta_seconds")
            claims.update(self.claim, progress={name: event.get(name) for name in kept})

    def _is_write_due(self, is_last: bool) -> bool:
        """Return whether to write progress now, and remember the time of the write."""
        now = time.monotonic()
        if not is_last and now - self.written_at < _WRITE_SECONDS:
            return False
        self.written_at = now
        return True


@dataclass(slots=True)
class MemberWatch(Watch):
    """Record a member's epochs as they end."""

    member: EnsembleMember = field(kw_only=True)

    def handle_event(self, event: Event) -> None:
        """Record an epoch, at most once a second; the history has every epoch."""
        if event.get("event") != "epoch":
            return
        entry = {name: event.get(name) for name in ("epoch", "loss", "inner_dice")}
        epoch = cast("int", event["epoch"])
        # After a kill the child starts again from its last saved epoch.
        earlier = [past for past in self.member.history if past["epoch"] < epoch]
        self.member.history = [*earlier, entry]
        if self._is_write_due(event["epoch"] == event["epochs"]):
            claims.update(
                self.claim,
                **entry,
                epochs=event["epochs"],
                eta_seconds=event.get("eta_seconds"),
                history=self.member.history,
            )


@dataclass(slots=True)
class ProposeWatch(Watch):
    """Record finished images while the child still runs."""

    folder: Path = field(kw_only=True)
    labels: Mapping[str, UUID] = field(kw_only=True)
    cases: tuple[Case, ...] = field(kw_only=True)
    waiting: deque[Case] = field(init=False)

    def __post_init__(self) -> None:
        self.heartbeat = Heartbeat(self.claim)
        self.waiting = deque(self.cases)

    def must_stop(self) -> bool:
        """Record the images that are ready, then say whether to stop."""
        self.collect(batches=2)
        return Watch.must_stop(self)

    def collect(self, *, batches: int | None = None) -> None:
        """Record finished images in the manifest's order, in short transactions."""
        while self.waiting and batches != 0:
            ready: list[ProposedImage] = []
            while self.waiting and len(ready) < _BATCH and self._is_ready(self.waiting[0]):
                case = self.waiting.popleft()
                ready.append(outputs.read_proposed(self.folder / case.image, case))
            if not ready:
                return
            proposals.record_proposals(self.claim, self.round, self.labels, ready)
            batches = None if batches is None else batches - 1

    def require_all(self) -> None:
        """Raise BadOutput if a finished child left an image out."""
        if self.waiting:
            raise outputs.BadOutput(f"{len(self.waiting)} images were left without a proposal.")

    def _is_ready(self, case: Case) -> bool:
        return is_proposed(self.folder / case.image)
