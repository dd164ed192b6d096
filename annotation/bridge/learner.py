"""Hand a manifest to a child process of the learning side and wait for its end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from annotation.bridge.child import Event, run_child
from annotation.bridge.outputs import BadOutput
from mlloop.contract.errors import Stopped
from mlloop.contract.manifest import Manifest, write_manifest

# Set when the worker shuts down: children stop, and their rows become due again.
STOPPING = threading.Event()


@dataclass(frozen=True, slots=True)
class Learner:
    """The command of the learning side and the writer of its manifests. Tests pass others."""

    command: tuple[str, ...] = (sys.executable, "-m", "mlloop")
    write: Callable[[Path, Manifest], str] = write_manifest


LEARNER = Learner()


class Listener(Protocol):
    """An object that handles a child's events and decides when the child must stop."""

    def handle_event(self, event: Event) -> None: ...
    def must_stop(self) -> bool: ...


def run_learner(
    verb: str,
    manifest: Manifest,
    folder: Path,
    learner: Learner,
    listener: Listener,
) -> None:
    """Run the child for a manifest; raise Stopped when it was stopped, BadOutput when it failed."""
    path = folder / "manifest.json"
    learner.write(path, manifest)
    ended = run_child(
        [*learner.command, verb, "--manifest", str(path), "--out", str(folder)],
        threads=manifest.plan.threads,
        log=folder / "child.log",
        on_event=listener.handle_event,
        must_stop=listener.must_stop,
    )
    if ended.error:
        raise BadOutput(ended.error)
    if ended.is_stopped:
        raise Stopped
