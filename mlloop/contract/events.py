"""The events that a child process sends to its parent: one JSON object per line on stdout."""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import dataclass
from typing import Protocol

EventValue = str | int | float | bool | None
_log = logging.getLogger(__name__)


class Emit(Protocol):
    """Report one event by name and plain values."""

    def __call__(self, event: str, /, **values: EventValue) -> None: ...


def emit_line(event: str, /, **values: EventValue) -> None:
    """Write the event as one JSON line and flush it, so that the parent sees it at once.

    The value `message`, a sentence for people, also goes to the log.
    """
    line = json.dumps({"event": event, **values}, allow_nan=False, ensure_ascii=True)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if "message" in values:
        _log.info("%s", values["message"])


@dataclass(frozen=True, slots=True)
class Clock:
    """Measures how long a training run took so far, and estimates how long it still takes."""

    started: float  # a value of time.monotonic()
    first_step: int
    steps: int

    def read(self, step: int) -> dict[str, float]:
        """Return `seconds` and `eta_seconds` at a step."""
        seconds = time.monotonic() - self.started
        rate = seconds / max(1, step - self.first_step)
        return {"seconds": round(seconds, 2), "eta_seconds": round(rate * (self.steps - step), 1)}


@dataclass(slots=True)
class Progress:
    """Counts finished images, and reports at most once a second and at the end."""

    emit: Emit
    total: int
    done: int = 0
    _started: float = 0.0
    _reported: float = 0.0

    def __post_init__(self) -> None:
        self._started = self._reported = time.monotonic()

    def add(self, count: int) -> None:
        """Count finished images, and report them unless the last report is less than 1 s old."""
        self.done += count
        now = time.monotonic()
        if now - self._reported < 1.0 and self.done < self.total:
            return
        self._reported = now
        rate = (now - self._started) / max(1, self.done)
        eta = round(rate * (self.total - self.done), 1)
        self.emit("progress", done=self.done, total=self.total, eta_seconds=eta)
