"""Coordinates of the report's plots; the template draws them as plain SVG with classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

Plain = Mapping[str, object]
LEFT, RIGHT, TOP, BOTTOM = 44.0, 350.0, 12.0, 250.0
WIDE = 550.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with the words for it."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """A path and what it shows."""

    path: str
    css: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis with its label."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines and points between two axes."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()


def roc_plot(detection: Plain) -> Plot | None:
    """Draw the ROC curve with the any-pixel point; None where a class is missing."""
    roc = cast("Mapping[str, list[float]]", detection["roc"])
    if not roc["fpr"]:
        return None
    points = list(zip(roc["fpr"], roc["tpr"], strict=True))
    any_pixel = {
        str(one["name"]): one["value"]
        for one in cast("Sequence[Plain]", detection["rates"])
        if one["rule"] == "any pixel"
    }
    sensitivity, specificity = any_pixel["sensitivity"], any_pixel["specificity"]
    marks: tuple[Mark, ...] = ()
    if isinstance(sensitivity, float) and isinstance(specificity, float):
        title = f"any pixel: sensitivity {sensitivity:.3f}, specificity {specificity:.3f}"
        marks = (Mark(_x(1 - specificity), _y(sensitivity), title),)
    return Plot(
        _ticks(_x),
        _ticks(_y),
        (Line(_path([(0, 0), (1, 1)]), "chance", "chance"), Line(_path(points), "mine", "ROC")),
        marks,
    )


def reliability_plot(found: Plain | None) -> Plot | None:
    """Draw the infected share of pixels over their mean probability; None without pixels."""
    bins = cast("Sequence[Mapping[str, float]]", found["bins"]) if found else ()
    if not bins:
        return None
    points = [(one["probability"], one["infected"]) for one in bins]
    marks = tuple(
        Mark(_x(x), _y(y), f"probability {x:.3f}, infected {y:.3f}, {int(one['n']):,} pixels")
        for (x, y), one in zip(points, bins, strict=True)
    )
    diagonal = Line(_path([(0, 0), (1, 1)]), "chance", "perfect")
    line = Line(_path(points), "mine", "reliability")
    return Plot(_ticks(_x), _ticks(_y), (diagonal, line), marks)


def curve_plot(members: Sequence[Plain], value: str) -> Plot | None:
    """Draw one value of each member's history over its epochs; None before the first epoch."""
    lines = [(one, _history(one, value)) for one in members]
    shown = [(one, points) for one, points in lines if points]
    if not shown:
        return None
    last = max(epoch for _, points in shown for epoch, _ in points)
    top = max(1.0, *(v for _, points in shown for _, v in points))
    names = sorted({str(one["network"]) for one, _ in shown})

    def place(epoch: float, v: float) -> tuple[float, float]:
        x = LEFT + (WIDE - LEFT) * (epoch - 1) / max(1, last - 1)
        return round(x, 1), round(BOTTOM - (BOTTOM - TOP) * v / top, 1)

    return Plot(
        tuple(Tick(place(epoch, 0)[0], str(epoch)) for epoch in _some(last)),
        tuple(Tick(place(1, top * i / 4)[1], f"{top * i / 4:.2f}") for i in range(5)),
        tuple(
            Line(
                "M" + "L".join(f"{x} {y}" for x, y in (place(*point) for point in points)),
                f"line-{names.index(str(one['network'])) % 6}",
                f"{one['network']} without fold {one['fold']}",
            )
            for one, points in shown
        ),
    )


def network_legend(members: Sequence[Plain]) -> list[tuple[str, str]]:
    """Return the class and name of each network's lines."""
    names = sorted({str(one["network"]) for one in members})
    return [(f"line-{i % 6}", name) for i, name in enumerate(names)]


def _history(member: Plain, value: str) -> list[tuple[int, float]]:
    epochs = cast("Sequence[Mapping[str, float | None]]", member["epochs"])
    return [
        (int(one["epoch"] or 0), float(v)) for one in epochs if (v := one.get(value)) is not None
    ]


def _some(last: int) -> list[int]:
    step = max(1, last // 8)
    return list(range(1, last + 1, step))


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_x(x)} {_y(y)}" for x, y in points)


def _ticks(at: Callable[[float], float]) -> tuple[Tick, ...]:
    return tuple(Tick(at(i / 4), f"{i / 4:g}") for i in range(5))


def _x(value: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * value, 1)


def _y(value: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value, 1)
