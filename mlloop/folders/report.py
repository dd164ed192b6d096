"""The table of a benchmark or evaluation, as JSON with everything and as Markdown to read."""

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
from mlloop.folders.speed import Measured

Json = dict[str, Any]

_WORDS = {"f1": "F1", "f2": "F2", "iou": "IoU"}
_PER_IMAGE = (
    "Pixels per image, the mean over images. Both masks empty: left out and counted; one empty: 0."
    " Specificity and accuracy count healthy pixels and have a value in either case:"
)


def write_table(
    out: Path,
    name: str,
    rows: Sequence[Row],
    cases: Sequence[FolderCase],
    *,
    lungs: Sequence[Row],
    plan: Plan | None,
    k: int,
    measured: Measured,
    command: str,
) -> str:
    """Write `<name>.json` and `<name>.md`, and return the Markdown."""
    figures = [row.as_json() for row in rows]
    whole: Json = {
        "schema": 1,
        "command": command,
        "folds": k,
        "plan": plan.to_json() if plan else None,
        "images": _contents(cases),
        "rows": figures,
        "lung_rows": [_without_detection(row) for row in lungs],
        "notes": _notes(plan) if plan else [],
        "images_per_second": measured.per_second(),
        "measured": measured,
    }
    write_json(out / f"{name}.json", whole)
    text = "\n".join(_markdown(whole, plan, measured)) + "\n"
    write_bytes(out / f"{name}.md", text.encode())
    return text


def _without_detection(row: Row) -> Json:
    """Return a lung row: every film has lungs, so there is nothing to detect."""
    return {name: value for name, value in row.as_json().items() if name != "detection"}


def _notes(plan: Plan) -> list[str]:
    """Say what the plan asks for and plain folders do not do: no round has references there."""
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
        " weights are used, and so the ensemble is not bit for bit what a server would serve."
    ]


def _contents(cases: Sequence[FolderCase]) -> Json:
    kinds = Counter((one.case.group, one.source or "no source") for one in cases)
    return {
        "n": len(cases),
        "patients": len({one.case.patient for one in cases}),
        "with_infection": sum(one.is_positive for one in cases),
        "by_group_and_source": {f"{g}, {s}": n for (g, s), n in sorted(kinds.items())},
    }


def _markdown(whole: Json, plan: Plan | None, measured: Measured) -> list[str]:
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
    lines += _pooled(whole["rows"])
    lines += ["", _PER_IMAGE, ""]
    lines += _per_image(whole["rows"])
    lines += ["", "COVID-positive or not, whole images:", ""]
    lines += _rates(whole["rows"])
    lines += [*_without_area(whole["rows"]), "", *_auc(whole["rows"])]
    lines += _warnings(whole["rows"])
    lines += ["", *_thresholds(whole["rows"])]
    if whole["lung_rows"]:
        lines += ["", "Lung masks, pixels pooled and per image:", ""]
        lines += [*_pooled(whole["lung_rows"]), "", *_per_image(whole["lung_rows"])]
    for note in whole["notes"]:
        lines += ["", note]
    if measured.paces:
        lines += ["", *_speed(whole["images_per_second"], measured, plan)]
    lines += ["", f"Command: `{whole['command']}`"]
    return lines


def _pooled(rows: Sequence[Json]) -> list[str]:
    body = [[row["name"], *_figures(row["pooled"], POOLED)] for row in rows]
    return _grid(["", *map(_headed, POOLED)], body)


def _per_image(rows: Sequence[Json]) -> list[str]:
    body = []
    for row in rows:
        f1 = _pick(row["per_image"], "f1")
        counts = [str(f1["n"]), str(f1["n_both_empty"])]
        body.append([row["name"], *_figures(row["per_image"], POOLED), *counts])
    return _grid(["", *map(_headed, POOLED), "n", "both empty"], body)


def _rates(rows: Sequence[Json]) -> list[str]:
    body = [
        [row["name"], found[0]["rule"], *_figures(found, RATES)]
        for row in rows
        for found in (row["detection"]["any_pixel"], row["detection"]["area"])
        if found
    ]
    return _grid(["", "positive by", *(_WORDS.get(name, name) for name in RATES)], body)


def _without_area(rows: Sequence[Json]) -> list[str]:
    said = dict.fromkeys(row["detection"]["no_area"] for row in rows)
    return [line for reason in said if reason for line in ("", reason)]


def _auc(rows: Sequence[Json]) -> list[str]:
    body = []
    for row in rows:
        found = row["detection"]
        within = (
            f"{one['source'] or 'no source'} {_number(one['auc']['value'])}"
            for one in found["auc_by_source"]
        )
        body.append([row["name"], _told(found["auc"]), found["score"], "; ".join(within)])
    return _grid(["", "ROC AUC", "over", "AUC within each source"], body)


def _warnings(rows: Sequence[Json]) -> list[str]:
    found = rows[0]["detection"]["auc_by_source"]
    return ["", *(f"> {one['warning']}" for one in found if one["warning"])]


def _thresholds(rows: Sequence[Json]) -> list[str]:
    return [f"- {row['name']}: mask where the map is at least {row['threshold']}" for row in rows]


def _speed(per_second: Mapping[str, float], measured: Measured, plan: Plan | None) -> list[str]:
    threads = f", {measured.threads} thread{'s' * (measured.threads != 1)}"
    where = measured.device + (threads if measured.device == "cpu" else "")
    memory = "resident" if measured.device == "cpu" else "GPU"
    grid = f" at {plan.grid}x{plan.grid}" if plan else ""
    return [
        f"Images a second{grid} on {where}:",
        *(f"- {stage}: {value:.1f}" for stage, value in per_second.items()),
        f"- peak {memory} memory: {measured.peak_bytes / 2**20:.0f} MB",
    ]


def _headed(name: str) -> str:
    return "F1 = Dice" if name == "f1" else _WORDS.get(name, name)


def _figures(many: Sequence[Json], names: Sequence[str]) -> list[str]:
    return [_told(_pick(many, name)) for name in names]


def _pick(many: Sequence[Json], name: str) -> Json:
    return next(one for one in many if one["name"] == name)


def _told(one: Json) -> str:
    if one["value"] is None:
        return "–"
    return f"{_number(one['value'])} [{_number(one['ci_low'])}, {_number(one['ci_high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _grid(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(line) + " |" for line in lines]
