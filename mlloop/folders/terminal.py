"""Shows a person the progress of a run on plain folders, on standard error only."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO

from tqdm import tqdm

from mlloop.contract.events import EventValue


@dataclass(slots=True)
class Terminal:
    """Shows the events of training and proposing: a line per epoch, a progress bar for images."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _bar: tqdm[None] | None = None

    def __call__(self, event: str, /, **values: EventValue) -> None:
        """Show one event. Events that tell a person nothing are skipped."""
        if event == "progress":
            self._advance(int(values["done"] or 0), int(values["total"] or 0))
        elif event == "epoch":
            self.say(_epoch_line(values))
        elif event == "done" and values.get("finished_before"):
            self.say(f"{values['network']}, fold {values['fold']}: finished before, skipped")
        elif "message" in values:
            self.say(str(values["message"]))

    def say(self, sentence: str) -> None:
        """Write one line, above the progress bar if it is shown."""
        tqdm.write(sentence, file=self.stream)

    def _advance(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = tqdm(total=total, file=self.stream, disable=None, leave=False, unit="image")
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()
            self._bar = None


def _epoch_line(values: dict[str, EventValue]) -> str:
    inner = next(
        (
            f", {key.replace('_', ' ')} {value:.3f}"
            for key, value in values.items()
            if key.startswith("inner") and isinstance(value, float)
        ),
        "",
    )
    loss = "none" if values["loss"] is None else f"{values['loss']:.3f}"
    eta = values.get("eta_seconds")
    left = f", {eta:.0f} s left" if isinstance(eta, float | int) else ""
    return (
        f"{values['network']}, fold {values['fold']}: epoch {values['epoch']} of"
        f" {values['epochs']}, loss {loss}{inner}{left}"
    )
