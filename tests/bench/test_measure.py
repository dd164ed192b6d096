from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from bench.measure import Bar, alternate, percentile95, ratio, row, table, write_report


def test_ratio_is_the_median_of_neighbouring_runs() -> None:
    # The third pair ran while the machine was busy: both took ten times as long.
    assert ratio([2.0, 4.0, 30.0, 2.0, 9.0], [1.0, 1.0, 10.0, 2.0, 3.0]) == 3.0


def test_ratio_refuses_runs_that_are_not_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_alternate_interleaves_and_leaves_the_first_turn_out() -> None:
    order: list[str] = []

    def loop(name: str) -> int:
        order.append(name)
        return len(order)

    ours, plain = alternate(lambda: loop("a"), lambda: loop("b"), repeats=2)

    assert order == ["a", "b"] * 3
    assert (ours, plain) == ([3, 5], [4, 6])


def test_percentile95_is_interpolated() -> None:
    assert percentile95([float(value) for value in range(101)]) == pytest.approx(95.0)


@pytest.mark.parametrize(
    ("bar", "value", "holds"),
    [
        (Bar("<=", 1.1), 1.1, True),
        (Bar("<=", 1.1), 1.101, False),
        (Bar(">=", 0.8), 0.8, True),
        (Bar(">=", 0.8), 0.7996, False),
        (Bar(">=", 0.8), math.nan, False),
    ],
)
def test_a_row_holds_on_the_right_side_of_its_bar(bar: Bar, value: float, holds: bool) -> None:
    assert row("x", value, "s", device="d", bar=bar).holds is holds


def test_report_has_the_rows_that_scripts_read(tmp_path: Path) -> None:
    rows = [
        row("import.ratio", 0.91234, "x bare", device="cpu", bar=Bar(">=", 0.8)),
        row("import.images_per_s", 12.0, "images/s", device="cpu"),
    ]

    write_report(tmp_path / "deep" / "report.json", rows, seconds=3.0)

    report = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert report == {
        "rows": [
            {
                "name": "import.ratio",
                "value": 0.9123,
                "unit": "x bare",
                "bar": ">= 0.8",
                "holds": True,
                "device": "cpu",
            },
            {
                "name": "import.images_per_s",
                "value": 12.0,
                "unit": "images/s",
                "bar": None,
                "holds": None,
                "device": "cpu",
            },
        ],
        "seconds": 3.0,
    }


def test_table_says_which_bars_do_not_hold() -> None:
    shown = table([row("save.p95_ms", 600.0, "ms", device="cpu", bar=Bar("<=", 500.0))])

    assert shown.splitlines()[1].split() == ["save.p95_ms", "600", "ms", "<=", "500", "NO", "cpu"]
