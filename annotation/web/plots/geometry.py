"""The parts of every plot, in SVG units: area, scales, ticks, lines, points, intervals, bars.

This module knows nothing of rounds or reports. Colours are CSS classes, because the pages'
Content-Security-Policy forbids inline styles. `templates/annotation/plots/` draws the parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values (`low` to `high`) to SVG units (`start` to `end`)."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return the coordinate of a value in SVG units, rounded to a tenth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + (self.end - self.start) * share, 1)


@dataclass(frozen=True, slots=True)
class Area:
    """The rectangle between the axes. The margins around it hold the labels."""

    right: float
    bottom: float
    left: float = 50.0
    top: float = 12.0

    @property
    def width(self) -> float:
        """Return the width of the whole drawing."""
        return self.right + 20

    @property
    def height(self) -> float:
        """Return the height of the whole drawing, with the tick labels and axis name below."""
        return self.bottom + 42

    @property
    def middle(self) -> tuple[float, float]:
        """Return the point in the middle, where the names of the axes are centred."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def scale_x(self, low: float = 0.0, high: float = 1.0) -> Scale:
        """Return the scale that runs from left to right."""
        return Scale(low, high, self.left, self.right)

    def scale_y(self, low: float = 0.0, high: float = 1.0) -> Scale:
        """Return the scale that runs from the bottom up; SVG counts from the top down."""
        return Scale(low, high, self.bottom, self.top)

    def column_centers(self, n: int) -> list[float]:
        """Return the middle of each of n equally wide columns."""
        scale = self.scale_x(0, n)
        return [scale.place(i + 0.5) for i in range(n)]


SQUARE = Area(right=350.0, bottom=250.0)
WIDE = Area(right=550.0, bottom=190.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position on an axis."""

    position: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: the name of its quantity, and its ticks."""

    name: str
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A path through points."""

    path: str
    css: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A dot. `title` appears when the mouse rests on it, `label` is always shown beside it."""

    x: float
    y: float
    css: str
    title: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """A vertical line from the low to the high end of a confidence interval."""

    x: float
    y_low: float
    y_high: float
    css: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, or one part of a stacked bar."""

    x: float
    y: float
    width: float
    height: float
    css: str
    title: str


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the legend: the CSS class of the colour, and the name of the series."""

    css: str
    name: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One whole plot. `title` is its accessible name, `note` a sentence below it."""

    title: str
    area: Area
    x_axis: Axis
    y_axis: Axis
    lines: tuple[Line, ...] = ()
    intervals: tuple[Interval, ...] = ()
    points: tuple[Point, ...] = ()
    bars: tuple[Bar, ...] = ()
    legend: tuple[Key, ...] = ()
    note: str = ""


def spaced_axis(name: str, scale: Scale, *, parts: int, digits: str = "g") -> Axis:
    """Return an axis whose ticks divide the scale into equal parts."""
    values = [scale.low + (scale.high - scale.low) * i / parts for i in range(parts + 1)]
    return Axis(name, tuple(Tick(scale.place(value), f"{value:{digits}}") for value in values))


def line_path(points: Iterable[tuple[float, float]]) -> str:
    """Return the SVG path through points that are already in SVG units."""
    return "M" + "L".join(f"{x} {y}" for x, y in points)


def stack_bars(
    x: float, scale: Scale, parts: Sequence[tuple[float, str, str]], *, width: float
) -> tuple[Bar, ...]:
    """Return bars stacked from the bottom up around x; a part is (value, class, title)."""
    bars, y = [], scale.start
    for value, css, title in parts:
        if value:
            height = round(scale.start - scale.place(value), 1)
            y = round(y - height, 1)
            bars.append(Bar(round(x - width / 2, 1), y, width, height, css, title))
    return tuple(bars)
