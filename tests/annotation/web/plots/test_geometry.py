"""Scales, axes, lines and bars of plots, in SVG units."""

from __future__ import annotations

from annotation.web.plots.geometry import SQUARE, WIDE, Scale, line_path, spaced_axis, stack_bars
from annotation.web.plots.round_plots import verdict_plot


def test_scale_when_a_value_is_placed_then_it_is_between_start_and_end() -> None:
    scale = Scale(low=10, high=20, start=200, end=100)
    assert [scale.place(value) for value in (10, 12.5, 20)] == [200, 175, 100]


def test_area_when_scaled_then_zero_is_left_and_at_the_bottom() -> None:
    assert (SQUARE.scale_x().place(0), SQUARE.scale_x().place(1)) == (SQUARE.left, SQUARE.right)
    assert (SQUARE.scale_y().place(0), SQUARE.scale_y().place(1)) == (SQUARE.bottom, SQUARE.top)


def test_columns_when_there_are_two_then_they_are_centered_in_the_halves() -> None:
    assert WIDE.column_centers(2) == [175.0, 425.0]


def test_axis_when_spaced_then_the_ticks_include_both_ends() -> None:
    axis = spaced_axis("Dice", Scale(0.5, 0.8, 100, 40), parts=3, digits=".2f")
    assert [(tick.position, tick.text) for tick in axis.ticks] == [
        (100, "0.50"),
        (80, "0.60"),
        (60, "0.70"),
        (40, "0.80"),
    ]


def test_line_when_drawn_then_the_path_goes_through_every_point() -> None:
    assert line_path([(1, 2), (3, 4), (5, 6)]) == "M1 2L3 4L5 6"


def test_bars_when_stacked_then_each_begins_at_the_bar_below_and_empty_bars_are_left_out() -> None:
    scale = Scale(low=0, high=10, start=100, end=0)
    low, high = stack_bars(
        50, scale, [(4, "a", "four"), (0, "b", "none"), (6, "c", "six")], width=20
    )
    assert (low.x, low.y, low.width, low.height, low.css) == (40, 60, 20, 40, "a")
    assert (high.y, high.height, high.css) == (0, 60, "c")


def test_verdict_plot_when_there_are_many_rounds_then_the_bars_do_not_touch() -> None:
    plot = verdict_plot({number: {"picked": 3} for number in range(1, 41)})
    assert plot is not None
    assert [tick.text for tick in plot.x_axis.ticks] == [str(n) for n in range(11, 41)]
    steps = [right.x - left.x for left, right in zip(plot.bars, plot.bars[1:], strict=False)]
    assert [tick.text for tick in plot.y_axis.ticks] == ["0", "1", "3"]
    assert min(steps) > plot.bars[0].width
    assert {bar.title for bar in plot.bars} == {"Picked: 3"}
