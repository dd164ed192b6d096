"""Writes the report of a benchmark or evaluation: JSON with every figure, and Markdown tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlloop.contract.plan import Plan
from mlloop.contract.records import write_bytes, write_json
from mlloop.figures.detection import RATES
from mlloop.folders.cases import FolderCase
from mlloop.folders.scoring import POOLED, Row
from mlloop.folders.speed import RunSpeed

Json = dict[str, Any]

_WORDS = {"f1": "F1", "f2": "F2", "iou": "IoU"}
_PER_IMAGE = (
    "Pixels per image, mean over images. If both masks are empty, the image is left out and"
    " counted; if one mask is empty, the figure is 0. Specificity and accuracy count healthy pixels"
    " and always have a value:"
)


def write_report(
    out: Path,
    name: str,
    rows: Sequence[Row],
    cases: Sequence[FolderCase],
    *,
    lungs: Sequence[Row],
    plan: Plan | None,
    k: int,
    measured: RunSpeed,
    command: str,
) -> str:
    """Write `<name>.json` and `<name>.md`, and return the Markdown."""
    figures = [row.as_json() for row in rows]
    whole: Json = {
        "schema": 1,
        "command": command,
        "folds": k,
        "plan": plan.to_json() if plan else None,
        "images": _describe_cases(cases),
        "rows": figures,
        "lung_rows": [_without_detection(row) for row in lungs],
        "notes": _make_notes(plan) if plan else [],
        "images_per_second": measured.per_second(),
        "measured": measured,
    }
    write_json(out / f"{name}.json", whole)
    text = "\n".join(_markdown(whole, plan, measured)) + "\n"
    write_bytes(out / f"{name}.md", text.encode())
    return text


def _without_detection(row: Row) -> Json:
    """Return a lung row without detection figures: every film has lungs."""
    return {name: value for name, value in row.as_json().items() if name != "detection"}


def _make_notes(plan: Plan) -> list[str]:
    """Return a note if the plan asks for fitted values: nothing is fitted on plain folders."""
    wanted = {
        "thresholds": plan.thresholds,
        "ensemble weights": plan.ensemble_weights,
        "temperature": plan.temperature,
    }
    asked = [name for name, how in wanted.items() if how == "out_of_fold"]
    if not asked:
        return []
    return [
        f"The plan asks for values fitted on out-of-fold maps ({', '.join(asked)}), but nothing is"
        f" fitted on plain folders: the plan's threshold ({plan.threshold} of 255) and equal"
        " weights are used. A server can fit these values, so its ensemble can differ."
    ]


def _describe_cases(cases: Sequence[FolderCase]) -> Json:
    kinds = Counter((film.case.group, film.source or "no source") for film in cases)
    return {
        "n": len(cases),
        "patients": len({film.case.patient for film in cases}),
        "with_infection": sum(film.is_positive for film in cases),
        "by_group_and_source": {f"{g}, {s}": n for (g, s), n in sorted(kinds.items())},
    }


def _markdown(whole: Json, plan: Plan | None, measured: RunSpeed) -> list[str]:
    images = whole["images"]
    kinds = "; ".join(f"{name}: {n}" for name, n in images["by_group_and_source"].items())
    lines = [
        f"{images['n']} images of {images['patients']} patients ({kinds});"
        f" {images['with_infection']} with an infection mask that is not empty.",
        "Every figure is out-of-fold." if whole["folds"] else "",
        "",
        "Pixels, pooled over all images with controls; [95 % interval, bootstrap by patient]:",
        "",
    ]
    lines += _pooled_table(whole["rows"])
    lines += ["", _PER_IMAGE, ""]
    lines += _per_image_table(whole["rows"])
    lines += ["", "COVID-positive or not, whole images:", ""]
    lines += _rates_table(whole["rows"])
    lines += [*_no_area_lines(whole["rows"]), "", *_auc_table(whole["rows"])]
    lines += _warning_lines(whole["rows"])
    lines += ["", *_threshold_lines(whole["rows"])]
    if whole["lung_rows"]:
        lines += ["", "Lung masks, pixels pooled and per image:", ""]
        lines += [*_pooled_table(whole["lung_rows"]), "", *_per_image_table(whole["lung_rows"])]
    for note in whole["notes"]:
        lines += ["", note]
    if measured.paces:
        lines += ["", *_speed_lines(whole["images_per_second"], measured, plan)]
    lines += ["", f"Command: `{whole['command']}`"]
    return lines


def _pooled_table(rows: Sequence[Json]) -> list[str]:
    body = [[row["name"], *_format_figures(row["pooled"], POOLED)] for row in rows]
    return _markdown_table(["", *map(_heading, POOLED)], body)


def _per_image_table(rows: Sequence[Json]) -> list[str]:
    body = []
    for row in rows:
        f1 = _pick(row["per_image"], "f1")
        counts = [str(f1["n"]), str(f1["n_both_empty"])]
        body.append([row["name"], *_format_figures(row["per_image"], POOLED), *counts])
    return _markdown_table(["", *map(_heading, POOLED), "n", "both empty"], body)


def _rates_table(rows: Sequence[Json]) -> list[str]:
    body = [
        [row["name"], figures[0]["rule"], *_format_figures(figures, RATES)]
        for row in rows
        for figures in (row["detection"]["any_pixel"], row["detection"]["area"])
        if figures
    ]
    return _markdown_table(["", "positive by", *(_WORDS.get(name, name) for name in RATES)], body)


def _no_area_lines(rows: Sequence[Json]) -> list[str]:
    reasons = dict.fromkeys(row["detection"]["no_area"] for row in rows)
    return [line for reason in reasons if reason for line in ("", reason)]


def _auc_table(rows: Sequence[Json]) -> list[str]:
    body = []
    for row in rows:
        detection = row["detection"]
        within = (
            f"{source_auc['source'] or 'no source'} {_format_number(source_auc['auc']['value'])}"
            for source_auc in detection["auc_by_source"]
        )
        body.append(
            [row["name"], _format_figure(detection["auc"]), detection["score"], "; ".join(within)]
        )
    return _markdown_table(["", "ROC AUC", "over", "AUC within each source"], body)


def _warning_lines(rows: Sequence[Json]) -> list[str]:
    sources = rows[0]["detection"]["auc_by_source"]
    return ["", *(f"> {source['warning']}" for source in sources if source["warning"])]


def _threshold_lines(rows: Sequence[Json]) -> list[str]:
    return [f"- {row['name']}: mask where the map is at least {row['threshold']}" for row in rows]


def _speed_lines(
    per_second: Mapping[str, float], measured: RunSpeed, plan: Plan | None
) -> list[str]:
    threads = f", {measured.threads} thread{'s' * (measured.threads != 1)}"
    where = measured.device + (threads if measured.device == "cpu" else "")
    memory = "resident" if measured.device == "cpu" else "GPU"
    grid = f" at {plan.grid}x{plan.grid}" if plan else ""
    return [
        f"Images a second{grid} on {where}:",
        *(f"- {stage}: {value:.1f}" for stage, value in per_second.items()),
        f"- peak {memory} memory: {measured.peak_bytes / 2**20:.0f} MB",
    ]


def _heading(name: str) -> str:
    return "F1 = Dice" if name == "f1" else _WORDS.get(name, name)


def _format_figures(figures: Sequence[Json], names: Sequence[str]) -> list[str]:
    return [_format_figure(_pick(figures, name)) for name in names]


def _pick(figures: Sequence[Json], name: str) -> Json:
    return next(figure for figure in figures if figure["name"] == name)


def _format_figure(figure: Json) -> str:
    if figure["value"] is None:
        return "–"
    low, high = _format_number(figure["ci_low"]), _format_number(figure["ci_high"])
    return f"{_format_number(figure['value'])} [{low}, {high}]"


def _format_number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _markdown_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(line) + " |" for line in lines]
