"""The plots of a project's rounds: Dice on the sealed set, and the verdicts of readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor

from annotation.selectors.rounds.sealed import SealedPoint
from annotation.selectors.rounds.verdicts import SHOWN_VERDICTS
from annotation.web.plots.geometry import (
    WIDE,
    Axis,
    Interval,
    Key,
    Line,
    Plot,
    Point,
    Scale,
    Tick,
    line_path,
    spaced_axis,
    stack_bars,
)

# More columns would make the round numbers below them overlap.
MAX_ROUNDS = 30
_VERDICT_CLASSES = tuple(
    zip(
        SHOWN_VERDICTS,
        ("series-ok", "series-mine", "series-theirs", "series-dim", "series-bad"),
        strict=True,
    )
)


def sealed_plot(history: Sequence[SealedPoint]) -> Plot | None:
    """Return the plot of sealed Dice per image by round; None while nothing was measured."""
    measured = [point for point in history if point.value is not None][-MAX_ROUNDS:]
    if not measured:
        return None
    scale = _scale_around(measured)
    columns = WIDE.column_centers(len(measured))
    points = tuple(_dice_point(p, x, scale) for p, x in zip(measured, columns, strict=True))
    intervals = (_interval(p, x, scale) for p, x in zip(measured, columns, strict=True))
    return Plot(
        title="Dice on the sealed set by round",
        area=WIDE,
        x_axis=_rounds_axis([point.number for point in measured]),
        y_axis=spaced_axis("Dice per image", scale, parts=3, digits=".2f"),
        lines=(Line(line_path((point.x, point.y) for point in points), "series-mine"),),
        intervals=tuple(interval for interval in intervals if interval is not None),
        points=points,
        legend=_sealed_legend(measured),
        note=f"Round {measured[-1].number} is measured on {measured[-1].n} images.",
    )


def verdict_plot(history: Mapping[int, Mapping[str, int]]) -> Plot | None:
    """Return the plot of readers' verdicts by round; None before the first reading."""
    if not history:
        return None
    numbers = sorted(history)[-MAX_ROUNDS:]
    most = max(sum(history[number].values()) for number in numbers)
    scale = WIDE.scale_y(0, most)
    columns = WIDE.column_centers(len(numbers))
    width = min(32.0, round(0.7 * (WIDE.right - WIDE.left) / len(numbers), 1))
    return Plot(
        title="Verdicts by round",
        area=WIDE,
        x_axis=_rounds_axis(numbers),
        y_axis=Axis(
            "images", tuple(Tick(scale.place(n), str(n)) for n in sorted({0, most // 2, most}))
        ),
        bars=tuple(
            bar
            for number, x in zip(numbers, columns, strict=True)
            for bar in stack_bars(x, scale, _verdict_parts(history[number]), width=width)
        ),
        legend=tuple(Key(css, str(verdict.label).lower()) for verdict, css in _VERDICT_CLASSES),
    )


def _verdict_parts(counts: Mapping[str, int]) -> list[tuple[int, str, str]]:
    """Return the count, class and title of each verdict of one round, in the shown order."""
    counted = ((counts.get(verdict, 0), verdict, css) for verdict, css in _VERDICT_CLASSES)
    return [(n, css, f"{verdict.label}: {n}") for n, verdict, css in counted]


def _sealed_legend(points: Sequence[SealedPoint]) -> tuple[Key, ...]:
    if not any(point.state == "serving" for point in points):
        return ()
    return (Key("series-ok", "serving round"), Key("series-mine", "other rounds"))


def _rounds_axis(numbers: Sequence[int]) -> Axis:
    columns = WIDE.column_centers(len(numbers))
    return Axis(
        "round", tuple(Tick(x, str(number)) for x, number in zip(columns, numbers, strict=True))
    )


def _scale_around(points: Sequence[SealedPoint]) -> Scale:
    """Return a Dice scale in steps of 0.05 that holds all values and intervals."""
    values = [v for p in points for v in (p.value, p.low, p.high) if v is not None]
    low = max(0.0, floor(min(values) * 20 - 0.5) / 20)
    high = min(1.0, max(low + 0.1, ceil(max(values) * 20 + 0.5) / 20))
    return WIDE.scale_y(low, high)


def _dice_point(point: SealedPoint, x: float, scale: Scale) -> Point:
    value = point.value or 0.0
    css = "series-ok" if point.state == "serving" else "series-mine"
    return Point(x, scale.place(value), css, f"{value:.3f} ({_range(point)}), n = {point.n}")


def _interval(point: SealedPoint, x: float, scale: Scale) -> Interval | None:
    if point.low is None or point.high is None:
        return None
    return Interval(x, scale.place(point.low), scale.place(point.high), "series-mine")


def _range(point: SealedPoint) -> str:
    if point.low is None or point.high is None:
        return "no interval"
    return f"{point.low:.3f} to {point.high:.3f}"
