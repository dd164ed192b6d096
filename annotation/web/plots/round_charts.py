"""Coordinates of the plots on the rounds page; the templates draw them as plain SVG.

Colours are classes: the page's policy forbids inline styles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor

from annotation.selectors.rounds.sealed import SealedPoint
from annotation.selectors.rounds.status import SHOWN_VERDICTS

LEFT, RIGHT, TOP, BOTTOM = 44.0, 550.0, 20.0, 170.0
_CLASSES = ("fill-ok", "fill-mine", "fill-theirs", "fill-dim", "fill-bad")


@dataclass(frozen=True, slots=True)
class Tick:
    """A grid line with its label."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One round: its value and interval, in SVG units, and the words beside it."""

    x: float
    y: float
    y_low: float
    y_high: float
    text: str
    title: str


@dataclass(frozen=True, slots=True)
class LinePlot:
    """A line through the rounds with their intervals."""

    ticks: tuple[Tick, ...]
    dots: tuple[Dot, ...]
    path: str
    n: int


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a stacked bar."""

    x: float
    y: float
    width: float
    height: float
    css: str
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One round's verdicts."""

    x: float
    text: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class BarPlot:
    """Stacked bars with a legend of (class, name)."""

    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]
    legend: tuple[tuple[str, str, float], ...]


def sealed_plot(points: Sequence[SealedPoint]) -> LinePlot | None:
    """Draw sealed Dice by round; None while nothing was measured."""
    shown = [point for point in points if point.value is not None]
    if not shown:
        return None
    values = [v for p in shown for v in (p.value, p.low, p.high) if v is not None]
    low = max(0.0, floor(min(values) * 20 - 0.5) / 20)
    high = min(1.0, max(low + 0.1, ceil(max(values) * 20 + 0.5) / 20))

    def y(value: float) -> float:
        return round(BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP), 1)

    dots = tuple(_dot(point, x, y) for point, x in zip(shown, _columns(len(shown)), strict=True))
    return LinePlot(
        ticks=tuple(Tick(y(v), f"{v:.2f}") for v in (low + (high - low) * i / 3 for i in range(4))),
        dots=dots,
        path="M" + "L".join(f"{dot.x} {dot.y}" for dot in dots),
        n=shown[-1].n,
    )


def verdict_plot(history: Mapping[int, Mapping[str, int]]) -> BarPlot | None:
    """Draw what readers did with each round's proposals; None before the first reading."""
    if not history:
        return None
    top = max(sum(counts.values()) for counts in history.values())
    numbers = sorted(history)[-12:]
    bars = tuple(
        _bar(number, x, history[number], top)
        for number, x in zip(numbers, _columns(len(numbers)), strict=True)
    )
    legend = tuple(
        (css, str(verdict.label).lower(), LEFT + 100 * i)
        for i, (css, verdict) in enumerate(zip(_CLASSES, SHOWN_VERDICTS, strict=True))
    )
    ticks = tuple(
        Tick(round(BOTTOM - (BOTTOM - TOP) * i / 2, 1), f"{top * i / 2:g}") for i in range(3)
    )
    return BarPlot(ticks, bars, legend)


def _columns(n: int) -> list[float]:
    """Return the middle of n equal columns."""
    return [round(LEFT + (RIGHT - LEFT) * (i + 0.5) / n, 1) for i in range(n)]


def _dot(point: SealedPoint, x: float, place: Callable[[float], float]) -> Dot:
    value = point.value or 0.0
    low = value if point.low is None else point.low
    high = value if point.high is None else point.high
    return Dot(
        x=x,
        y=place(value),
        y_low=place(low),
        y_high=place(high),
        text=f"round {point.number}" + (", serving" if point.state == "serving" else ""),
        title=f"{value:.3f} ({_range(point)}), n = {point.n}",
    )


def _range(point: SealedPoint) -> str:
    if point.low is None or point.high is None:
        return "no interval"
    return f"{point.low:.3f} to {point.high:.3f}"


def _bar(number: int, x: float, counts: Mapping[str, int], top: int) -> Bar:
    blocks, y = [], BOTTOM
    for css, verdict in zip(_CLASSES, SHOWN_VERDICTS, strict=True):
        if n := counts.get(verdict, 0):
            height = round(n / top * (BOTTOM - TOP), 1)
            y = round(y - height, 1)
            blocks.append(Block(x - 16, y, 32.0, height, css, f"{verdict.label}: {n}"))
    return Bar(x, f"round {number}", tuple(blocks))
