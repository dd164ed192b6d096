"""The table of a run: what it says of values that the plan asks for and nothing fits."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset
from mlloop.figures.metrics import Counts
from mlloop.folders.report import write_report
from mlloop.folders.scoring import Row, RowImage
from mlloop.folders.speed import RunSpeed

SAYS = "the plan's threshold (99 of 255) and equal weights are used. A server can fit these values"
PLAN = replace(preset("cpu"), threshold=99)
UNFITTED = replace(PLAN, thresholds="plan", ensemble_weights="equal")


def written(out: Path, name: str, plan: Plan | None) -> str:
    images = tuple(
        RowImage(f"p{n}", "north", n % 2, bool(n % 2), Counts(n, 1, 1, 90), 0.1 * n)
        for n in range(4)
    )
    rows = (Row("ensemble", "99 of 255", "infected share of film", images),)
    return write_report(
        out, name, rows, (), lungs=(), plan=plan, k=2, measured=RunSpeed(), command="c"
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


def cells(text: str, heading: str) -> tuple[list[str], list[list[str]]]:
    """Return the head and the body of the table under the line that begins with `heading`."""
    lines = text[text.index(heading) :].splitlines()[2:]
    table = list(itertools.takewhile(lambda line: line.startswith("|"), lines))
    head, _, *body = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    return head, body


def test_write_table_when_read_then_names_every_figure_per_image_and_by_whole_image(
    tmp_path: Path,
) -> None:
    text = written(tmp_path, "benchmark", None)
    head, ((name, *told),) = cells(text, "Pixels per image")
    assert head[1:] == [
        *("sensitivity", "specificity", "precision", "accuracy", "F1 = Dice", "F2", "IoU"),
        *("n", "both empty"),
    ]
    (row,) = json.loads((tmp_path / "benchmark.json").read_text())["rows"]
    values = {figure["name"]: figure["value"] for figure in row["per_image"]}
    assert name == "ensemble"
    assert told[0].startswith(f"{values['sensitivity']:.3f} [")
    assert told[5].startswith(f"{values['f2']:.3f} [")
    assert told[-2:] == ["4", "0"]
    head, body = cells(text, "COVID-positive or not")
    assert head[1:] == [
        *("positive by", "sensitivity", "specificity", "precision", "accuracy", "F1", "F2"),
    ]
    # Half of four films are covid, and every mask has a pixel.
    (by,) = [line for line in body if line[1] == "any pixel"]
    expected = ["1.000", "0.000", "0.500", "0.500", "0.667", "0.833"]
    assert [figure.split(" ")[0] for figure in by[2:]] == expected


def test_write_table_when_there_are_no_other_folds_then_shows_no_area_rule_and_says_why(
    tmp_path: Path,
) -> None:
    images = tuple(RowImage(f"p{n}", "", 0, bool(n % 2), Counts(n, 1, 1, 90), n) for n in range(4))
    rows = (Row("theirs", "1 of 255", "infected share of film", images),)
    text = write_report(
        tmp_path, "evaluation", rows, (), lungs=(), plan=None, k=0, measured=RunSpeed(), command=""
    )
    _, body = cells(text, "COVID-positive or not")
    assert [line[1] for line in body] == ["any pixel"]
    assert "chosen on the other folds" not in text
    assert text.count("are in one fold. New films and masks from elsewhere") == 1
