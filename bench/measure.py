"""Times loops in turns, compares each figure with its bar, and writes the report."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

T = TypeVar("T")
REPEATS = 5
_COLUMNS = ("name", "value", "unit", "bar", "holds", "device")


@dataclass(frozen=True, slots=True)
class Bar:
    """The target of a figure: at most or at least `limit`."""

    relation: Literal["<=", ">="]
    limit: float

    def __str__(self) -> str:
        return f"{self.relation} {self.limit:g}"

    def holds(self, value: float) -> bool:
        """Say whether `value` meets the target. NaN never meets it."""
        return value <= self.limit if self.relation == "<=" else value >= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. `bar` and `holds` are None for a figure without a bar."""

    name: str
    value: float
    unit: str
    bar: str | None
    holds: bool | None
    device: str


def row(name: str, value: float, unit: str, *, device: str, bar: Bar | None = None) -> Row:
    """Return a figure, rounded to four significant digits and then compared with its bar."""
    shown = float(f"{value:.4g}")
    return Row(
        name, shown, unit, str(bar) if bar else None, bar.holds(shown) if bar else None, device
    )


def seconds(work: Callable[[], object]) -> float:
    """Run `work` once and return its wall-clock time in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def alternate(*loops: Callable[[], T], repeats: int = REPEATS) -> list[list[T]]:
    """Run the loops in turns (A/B/A/B), and return the results of each loop as a list.

    The first run of each loop does not count. In turns, the load of other processes affects all
    loops alike.
    """
    for loop in loops:
        loop()
    turns = [[loop() for loop in loops] for _ in range(repeats)]
    return [list(runs) for runs in zip(*turns, strict=True)]


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median ratio of two series, run by run."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def percentile95(values: Sequence[float]) -> float:
    """Return the value that 95 % of `values` do not exceed, interpolated."""
    return float(np.percentile(values, 95))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a text table."""
    lines = [_COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    padded = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def write_report(path: Path, rows: Sequence[Row], **facts: object) -> None:
    """Write the rows and the facts of the run as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {"rows": [asdict(row) for row in rows], **facts}
    path.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")


def _cells(row: Row) -> tuple[str, ...]:
    holds = {True: "yes", False: "NO", None: ""}[row.holds]
    return (row.name, f"{row.value:.4g}", row.unit, row.bar or "", holds, row.device)
