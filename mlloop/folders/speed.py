"""The speed and the memory of a run, in measured.json beside its results.

A stage counts only if one process did all of it. A speed over two machines or over an interruption
would have no meaning.
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
class StageSpeed:
    """The images of one stage, and the wall-clock seconds that they took."""

    stage: str
    images: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunSpeed:
    """The measured.json of a run: its stages (`paces`) and its peak memory.

    `peak_bytes` is GPU memory, or resident memory on a CPU.
    """

    device: str = ""
    threads: int = 0
    peak_bytes: int = 0
    paces: tuple[StageSpeed, ...] = ()

    def per_second(self) -> dict[str, float]:
        """Return images per second of each stage, over all runs of the stage."""
        stages = sorted({pace.stage for pace in self.paces})
        by_stage = {s: [p for p in self.paces if p.stage == s] for s in stages}
        return {
            stage: sum(p.images for p in paces) / max(1e-9, sum(p.seconds for p in paces))
            for stage, paces in by_stage.items()
        }


@dataclass(slots=True)
class SpeedRecorder:
    """Passes events on and records the speed of each member that trained from its first step."""

    out: Path
    plan: Plan
    device: torch.device
    emit: Emit
    _first: dict[str, int] = field(default_factory=dict)
    _last: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(self, event: str, /, **values: EventValue) -> None:
        """Pass one event of training on, and record the speed at the end of a member."""
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
            self.record(stage, steps * self.plan.batch_size, seconds)

    def _steps(self, network: str) -> int:
        """Return the number of steps of a network. A classifier takes the plan's number."""
        planned = [entry for entry in self.plan.networks if entry.key == network]
        return self.plan.with_steps_of(planned[0]).steps if planned else self.plan.steps

    def time(self, stage: str) -> Stopwatch:
        """Start a stopwatch for a stage."""
        return Stopwatch(self, stage, time.monotonic())

    def record(self, stage: str, images: int, seconds: float) -> None:
        """Add a stage to measured.json, with the peak memory so far."""
        now = read_speed(self.out)
        changed = replace(
            now,
            device=_device_name(self.device),
            threads=self.plan.threads,
            peak_bytes=max(now.peak_bytes, _peak_bytes(self.device)),
            paces=(*now.paces, StageSpeed(stage, images, round(seconds, 3))),
        )
        write_json(self.out / "measured.json", changed)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """A running time measurement of one stage."""

    recorder: SpeedRecorder
    stage: str
    started: float

    def stop(self, images: int) -> None:
        """Record the speed of `images`. Without an image, record nothing."""
        if images:
            self.recorder.record(self.stage, images, time.monotonic() - self.started)


def read_speed(out: Path) -> RunSpeed:
    """Return the measurements in a folder, which are empty if there is no usable measured.json."""
    try:
        return from_plain(RunSpeed, read_json(out / "measured.json"))
    except FieldError:
        return RunSpeed()


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    # Linux counts in kilobytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
