"""The plots of one round's report: ROC, reliability and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from annotation.web.plots.geometry import (
    SQUARE,
    WIDE,
    Axis,
    Key,
    Line,
    Plot,
    Point,
    Tick,
    line_path,
    spaced_axis,
)

Plain = Mapping[str, object]
_X, _Y = SQUARE.scale_x(), SQUARE.scale_y()
_COLOURS = 6  # the classes series-0 to series-5
_MAX_EPOCH_TICKS = 8


def roc_plot(detection: Plain, *, label: str = "any pixel") -> Plot | None:
    """Return the ROC curve with the any-pixel rule as a point; None if a class is missing."""
    roc = cast("Mapping[str, list[float]]", detection["roc"])
    if not roc["fpr"]:
        return None
    curve = list(zip(roc["fpr"], roc["tpr"], strict=True))
    return Plot(
        title="ROC curve on the sealed set, with the any-pixel rule marked",
        area=SQUARE,
        x_axis=spaced_axis("1 − specificity", _X, parts=4),
        y_axis=spaced_axis("sensitivity", _Y, parts=4),
        lines=(_diagonal("chance"), _square_line(curve, "series-mine")),
        points=_any_pixel_point(detection, label),
    )


def reliability_plot(name: str, reliability: Plain | None) -> Plot | None:
    """Return the infected share of pixels over their mean probability; None without pixels."""
    bins = cast("Sequence[Mapping[str, float]]", reliability["bins"]) if reliability else ()
    if not bins:
        return None
    curve = [(bin["probability"], bin["infected"]) for bin in bins]
    return Plot(
        title=f"Reliability, {name}",
        area=SQUARE,
        x_axis=spaced_axis("mean predicted probability", _X, parts=4),
        y_axis=spaced_axis("infected share of the pixels", _Y, parts=4),
        lines=(_diagonal("perfect"), _square_line(curve, "series-mine")),
        points=tuple(
            Point(
                _X.place(x),
                _Y.place(y),
                "series-theirs",
                f"probability {x:.3f}, infected {y:.3f}, {int(bin['n']):,} pixels",
            )
            for (x, y), bin in zip(curve, bins, strict=True)
        ),
    )


def learning_curve_plot(members: Sequence[Plain], field: str, name: str) -> Plot | None:
    """Return one field of each member's history by epoch; None before the first epoch."""
    histories = [(member, history) for member in members if (history := _history(member, field))]
    if not histories:
        return None
    last = max(epoch for _, history in histories for epoch, _ in history)
    top = max(1.0, *(value for _, history in histories for _, value in history))
    x, y = WIDE.scale_x(1, max(2, last)), WIDE.scale_y(0, top)
    colours = _colour_of_each_network(members)
    return Plot(
        title=f"{name} of each member by epoch",
        area=WIDE,
        x_axis=Axis("epoch", tuple(Tick(x.place(n), str(n)) for n in _epochs_to_label(last))),
        y_axis=spaced_axis(name, y, parts=4, digits=".2f"),
        lines=tuple(
            Line(
                line_path((x.place(epoch), y.place(value)) for epoch, value in history),
                colours[str(member["network"])],
                f"{member['network']} without fold {member['fold']}",
            )
            for member, history in histories
        ),
        legend=tuple(Key(css, network) for network, css in colours.items()),
        note="Each line is one ensemble member: one network, trained without one fold.",
    )


def _any_pixel_point(detection: Plain, label: str) -> tuple[Point, ...]:
    rates = {
        str(rate["name"]): rate["value"]
        for rate in cast("Sequence[Plain]", detection["rates"])
        if rate["rule"] == "any pixel"
    }
    sensitivity, specificity = rates["sensitivity"], rates["specificity"]
    if not isinstance(sensitivity, float) or not isinstance(specificity, float):
        return ()
    title = f"any pixel: sensitivity {sensitivity:.3f}, specificity {specificity:.3f}"
    return (Point(_X.place(1 - specificity), _Y.place(sensitivity), "series-theirs", title, label),)


def _diagonal(title: str) -> Line:
    return _square_line([(0, 0), (1, 1)], "series-reference", title)


def _square_line(points: Sequence[tuple[float, float]], css: str, title: str = "") -> Line:
    return Line(line_path((_X.place(x), _Y.place(y)) for x, y in points), css, title)


def _history(member: Plain, field: str) -> list[tuple[int, float]]:
    epochs = cast("Sequence[Mapping[str, float | None]]", member["epochs"])
    return [
        (int(epoch["epoch"] or 0), float(value))
        for epoch in epochs
        if (value := epoch.get(field)) is not None
    ]


def _colour_of_each_network(members: Sequence[Plain]) -> dict[str, str]:
    networks = sorted({str(member["network"]) for member in members})
    return {network: f"series-{i % _COLOURS}" for i, network in enumerate(networks)}


def _epochs_to_label(last: int) -> list[int]:
    step = max(1, last // _MAX_EPOCH_TICKS)
    return list(range(1, last + 1, step))
