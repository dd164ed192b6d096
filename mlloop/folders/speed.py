"""How fast a run was and how much memory it took, kept beside its results.

Only what one process did from start to end is counted: a speed put together from two machines or
from before and after a stop would be no figure.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mlloop.contract.events import Emit, EventValue
from mlloop.contract.plan import Plan
from mlloop.contract.records import FieldError, from_plain, read_json, write_json


@dataclass(frozen=True, slots=True)
class Pace:
    """Images that went through one stage, and the wall seconds it took."""

    stage: str
    images: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The measured.json of a run. `peak_bytes` is resident memory, or the GPU's where it ran."""

    device: str = ""
    threads: int = 0
    peak_bytes: int = 0
    paces: tuple[Pace, ...] = ()

    def per_second(self) -> dict[str, float]:
        """Return images per second by stage, all runs of a stage taken together."""
        stages = sorted({pace.stage for pace in self.paces})
        totals = {s: [p for p in self.paces if p.stage == s] for s in stages}
        return {
            stage: sum(p.images for p in own) / max(1e-9, sum(p.seconds for p in own))
            for stage, own in totals.items()
        }


@dataclass(slots=True)
class Meter:
    """Passes events on and notes the pace of every member trained from its first step."""

    out: Path
    plan: Plan
    device: torch.device
    emit: Emit
    _first: dict[str, int] = field(default_factory=dict)
    _last: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(self, event: str, /, **values: EventValue) -> None:
        """Take one event of training and pass it on."""
        self.emit(event, **values)
        if "network" not in values:
            return
        stage, fold = f"train {values['network']}", values.get("fold")
        key = f"{stage}/{fold}"
        if event == "start":
            self._first[key] = int(values.get("step") or 0)
        elif event == "epoch":
            done = float(values["epoch"] or 0) / float(values["epochs"] or 1)
            self._last[key] = (done, float(values.get("seconds") or 0.0))
        elif event == "done" and self._first.get(key) == 0 and key in self._last:
            done, seconds = self._last[key]
            steps = round(done * self._steps(str(values["network"])))
            self.note(stage, steps * self.plan.batch_size, seconds)

    def _steps(self, network: str) -> int:
        """Return the steps that a network would take; a classifier takes the plan's."""
        own = [one for one in self.plan.networks if one.key == network]
        return self.plan.with_steps_of(own[0]).steps if own else self.plan.steps

    def time(self, stage: str) -> Stopwatch:
        """Start a stopwatch for a stage."""
        return Stopwatch(self, stage, time.monotonic())

    def note(self, stage: str, images: int, seconds: float) -> None:
        """Keep a pace in measured.json, with the memory so far."""
        now = read_measured(self.out)
        changed = replace(
            now,
            device=_name(self.device),
            threads=self.plan.threads,
            peak_bytes=max(now.peak_bytes, _peak(self.device)),
            paces=(*now.paces, Pace(stage, images, round(seconds, 3))),
        )
        write_json(self.out / "measured.json", changed)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """A running time measurement."""

    meter: Meter
    stage: str
    started: float

    def stop(self, images: int) -> None:
        """Note the pace of `images`; nothing where there was nothing to do."""
        if images:
            self.meter.note(self.stage, images, time.monotonic() - self.started)


def read_measured(out: Path) -> Measured:
    """Return what was measured so far."""
    try:
        return from_plain(Measured, read_json(out / "measured.json"))
    except FieldError:
        return Measured()


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    # Linux counts in kilobytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
