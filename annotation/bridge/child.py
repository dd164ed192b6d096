"""Run one child process of the learning side, read its events, and leave no process behind.

This module uses no database. To stop a child, it sends SIGTERM to the child's process group, and
SIGKILL after CHILD_KILL_SECONDS.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

Event = Mapping[str, object]
TICK_SECONDS = 0.5
_NICE = 5
_LAUNCH = str(Path(__file__).with_name("launch.py"))
# The child decodes files from outside, so it does not get the server's secrets.
_SECRETS = ("ROUNDTRUTH_SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended; `error` is empty after a success and after a requested stop."""

    is_stopped: bool
    error: str


def run_child(
    command: Sequence[str],
    *,
    threads: int,
    log: Path,
    on_event: Callable[[Event], None],
    must_stop: Callable[[], bool],
) -> Ended:
    """Run `command` to its end, calling `must_stop` twice a second.

    An exception from one of the two callables ends the child and is raised again.
    """
    messages: list[str] = []

    def keep_message(event: Event) -> None:
        if event.get("event") == "error":
            messages.append(str(event.get("message", "")))
        on_event(event)

    with _child(command, threads, log) as process:
        is_stopped = _listen(process, keep_message, must_stop)
        code = process.wait()
    if is_stopped or code == 0:
        return Ended(is_stopped=is_stopped and code != 0, error="")
    return Ended(is_stopped=False, error=_failure_reason(code, messages, log))


@contextmanager
def _child(command: Sequence[str], threads: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", _LAUNCH, str(os.getpid()), str(_NICE), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=settings.BASE_DIR,
            env=_environment(threads),
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # Kill the whole group, because a data loader starts processes too.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _listen(
    process: subprocess.Popen[bytes],
    on_event: Callable[[Event], None],
    must_stop: Callable[[], bool],
) -> bool:
    """Read events until the child ends; return whether a stop was requested."""
    reader = _EventReader(process)
    kill_at, next_tick = 0.0, 0.0
    while True:
        has_ended = process.poll() is not None
        events = reader.read(0.0 if has_ended else TICK_SECONDS)
        for event in events:
            on_event(event)
        if has_ended and not events:
            return kill_at > 0
        now = time.monotonic()
        if kill_at and now >= kill_at:
            os.killpg(process.pid, signal.SIGKILL)
        if not kill_at and now >= next_tick:
            next_tick = now + TICK_SECONDS
            if must_stop() and process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                kill_at = now + settings.CHILD_KILL_SECONDS


class _EventReader:
    """Read the JSON objects that a child prints, one on each line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            raise ValueError("the child has no output to read")
        self._handle = process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._handle, selectors.EVENT_READ)
        self._rest = b""
        self._is_open = True

    def read(self, seconds: float) -> list[Event]:
        """Return the events that arrived; wait `seconds` at most."""
        if not self._is_open:
            time.sleep(min(seconds, 0.05))
            return []
        if not self._selector.select(seconds):
            return []
        data = os.read(self._handle, 1 << 16)
        if not data:
            self._is_open = False
            self._selector.close()
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [event for line in lines if (event := _decode_event(line)) is not None]


def _decode_event(line: bytes) -> Event | None:
    """Return the event of a line; None for other text, which a library may print."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _environment(threads: int) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key not in _SECRETS}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    if not settings.DOWNLOADS:
        environment["HF_HUB_OFFLINE"] = "1"  # even a mistake in a library reaches no hub
    return environment


def _failure_reason(code: int, messages: list[str], log: Path) -> str:
    """Return why a child failed: its own message, else its signal, else its last log line."""
    if messages and messages[-1]:
        return messages[-1]
    if code == -signal.SIGKILL:
        return "The training process was killed, most likely because memory ran out."
    if code < 0:
        return f"The training process ended by {signal.Signals(-code).name}."
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    last_line = lines[-1] if lines else "it wrote no message"
    return f"The training process failed with code {code}: {last_line}"
