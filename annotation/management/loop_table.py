"""The rounds of a simulation as a table for people."""

from __future__ import annotations

from annotation.management.loop_report import Facts
from mlloop.pixels.severity import GRADES

_COLUMNS = (
    ("round", "number"),
    ("stage", "stage"),
    ("trained on", "n_train"),
    ("read", "n_read"),
    ("proposals: per image", "proposal_dice_per_image"),
    ("pooled", "proposal_dice_pooled"),
    ("sealed: per image", "sealed_dice_per_image"),
    ("pooled", "sealed_dice_pooled"),
    ("95 % of pooled", "sealed_ci95_pooled"),
    ("lung: per image", "lung_dice_per_image"),
    (f"severity: {', '.join(GRADES)}, not graded", "severity"),
    ("gate", "gate"),
    ("changed pixels", "changed_pixels"),
    ("seconds", "seconds"),
)


def table_lines(facts: Facts) -> list[str]:
    """Return a title and the lines of a table with one row for each round."""
    rounds: list[Facts] = facts["rounds"]  # type: ignore[assignment]
    rows = [
        [name for name, _ in _COLUMNS],
        *([_cell(round_facts[key]) for _, key in _COLUMNS] for round_facts in rounds),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return [
        "Dice by round. Proposals: no controls. Sealed set: controls count as empty masks.",
        *lines,
    ]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"
    if isinstance(value, dict):
        return " ".join(str(n) for n in value.values())
    if isinstance(value, list):
        return "-".join("?" if end is None else f"{end:.2f}" for end in value)
    return "-" if value is None else str(value)
