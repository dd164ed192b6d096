"""The table of a run: what it says of values that the plan asks for and nothing fits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlloop.folders.measured import Measured
from mlloop.folders.scoring import Judged, Row
from mlloop.folders.table import write_table
from mlloop.metrics import Counts
from mlloop.plan import Plan
from mlloop.presets import preset

SAYS = "the plan's threshold (99 of 255) and equal weights are used, and so the ensemble is not bit"
PLAN = replace(preset("cpu"), threshold=99)
UNFITTED = replace(PLAN, thresholds="plan", ensemble_weights="equal")


def written(out: Path, name: str, plan: Plan | None) -> str:
    images = tuple(
        Judged(f"p{n}", "north", n % 2, bool(n % 2), Counts(n, 1, 1, 90), 0.1 * n) for n in range(4)
    )
    rows = (Row("ensemble", "99 of 255", "infected share of film", images),)
    return write_table(
        out, name, rows, (), lungs=(), plan=plan, k=2, measured=Measured(), command="c"
    )


@pytest.mark.parametrize("name", ["evaluation", "benchmark"])
@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        (PLAN, "(thresholds, ensemble weights)"),
        (replace(UNFITTED, ensemble_weights="out_of_fold"), "(ensemble weights)"),
        (replace(UNFITTED, temperature="out_of_fold"), "(temperature)"),
    ],
)
def test_write_table_when_the_plan_asks_to_fit_then_says_that_nothing_is_fitted(
    tmp_path: Path, name: str, plan: Plan, asked: str
) -> None:
    text = written(tmp_path, name, plan)
    (note,) = json.loads((tmp_path / f"{name}.json").read_text())["notes"]
    assert asked in note
    assert SAYS in note
    assert text.index("| ensemble |") < text.index(note) < text.index("Command:")


@pytest.mark.parametrize("plan", [UNFITTED, None])
def test_write_table_when_nothing_is_to_be_fitted_then_says_nothing_of_it(
    tmp_path: Path, plan: Plan | None
) -> None:
    assert "fitted" not in written(tmp_path, "evaluation", plan)
    assert json.loads((tmp_path / "evaluation.json").read_text())["notes"] == []
