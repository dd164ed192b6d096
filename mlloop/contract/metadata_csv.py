"""Reads the `metadata.csv` beside a folder of radiographs: one line per image.

Reads line by line and never holds the whole file. Unknown columns are ignored. A line with an
unknown value in a known column is refused; the reason names the column, the value and the allowed
values. Opens no image.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlloop.contract.splits import Group

View = Literal["", "PA", "AP", "lateral"]

_GROUPS: tuple[Group, ...] = ("covid", "normal", "other")
_VIEWS: tuple[View, ...] = ("", "PA", "AP", "lateral")
_MAX_CHARACTERS = {"patient_id": 128, "image": 1000, "infection_mask": 1000, "lung_mask": 1000}
_SHOWN = 60  # characters of a wrong value that an error sentence repeats
_CONTROL = re.compile(r"[\x00-\x1f]")


class MetadataError(ValueError):
    """The whole file cannot be read; the message is a sentence for people."""


class LineError(ValueError):
    """One line is refused; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class MetadataLine:
    """One line. Its paths are relative to the folder. They are not checked here."""

    line: int
    image: str
    group: Group
    patient: str
    view: View
    day: int | None
    finding: str
    source: str
    licence: str
    masks: Mapping[str, str]
    mask_origin: str


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A refused line: its number, the image it names, and the reason."""

    line: int
    image: str
    reason: str


def read_metadata(
    path: Path, *, default_group: Group = "covid"
) -> Iterator[MetadataLine | RefusedLine]:
    """Yield each line of the file, in order. Raises MetadataError if the file cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as opened:
            yield from _read_lines(csv.DictReader(opened, strict=True), path.name, default_group)
    except FileNotFoundError:
        raise MetadataError(f"The file {path.name} does not exist.") from None
    except OSError as error:
        raise MetadataError(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise MetadataError(f"{path.name} is not UTF-8 text.") from None


def count_lines(path: Path) -> int:
    """Count the lines below the header, quickly. No line is checked, so wrong lines count too."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as opened:
            return max(0, sum(1 for row in csv.reader(opened) if row) - 1)
    except (OSError, UnicodeDecodeError, csv.Error):
        return 0


def _read_lines(
    reader: csv.DictReader[str], name: str, default_group: Group
) -> Iterator[MetadataLine | RefusedLine]:
    try:
        columns = reader.fieldnames or ()
        if "image" not in columns:
            raise MetadataError(f"{name} has no column 'image'.")
        for row in reader:
            surplus = row.pop(None, ())
            line = _read_line(row, reader.line_num, default_group)
            if any(surplus) and isinstance(line, MetadataLine):
                reason = f"Line {line.line}: it has more values than the header has columns."
                line = RefusedLine(line.line, line.image, reason)
            yield line
    except csv.Error as error:
        raise MetadataError(f"{name}, line {reader.line_num}: {error}.") from error


def _read_line(
    row: Mapping[str, str | None], line: int, default_group: Group
) -> MetadataLine | RefusedLine:
    values = {column: (value or "").strip() for column, value in row.items()}
    try:
        _check_text(values)
        return MetadataLine(
            line=line,
            image=values["image"],
            group=_parse_group(values.get("group", ""), default_group),
            patient=values.get("patient_id", ""),
            view=_parse_view(values.get("view", "")),
            day=_parse_day(values.get("study_offset_days", "")),
            finding=values.get("finding", ""),
            source=values.get("source", ""),
            licence=values.get("image_licence", ""),
            masks={
                key: values[column]
                for key, column in (("infection", "infection_mask"), ("lung", "lung_mask"))
                if values.get(column)
            },
            mask_origin=values.get("mask_provenance", ""),
        )
    except LineError as error:
        return RefusedLine(line, values.get("image", "")[:_SHOWN], f"Line {line}: {error}")


def _check_text(values: Mapping[str, str]) -> None:
    if not values.get("image"):
        raise LineError("the column image is empty.")
    for column, value in values.items():
        if _CONTROL.search(value):
            raise LineError(f"the column {column} holds a control character.")
        if len(value) > (most := _MAX_CHARACTERS.get(column, 10_000)):
            raise LineError(f"the column {column} has {len(value)} characters; {most} are allowed.")


def _parse_group(value: str, default: Group) -> Group:
    for known in _GROUPS:
        if value == known:
            return known
    if not value:
        return default
    raise LineError(f"the column group says {_quoted(value)}; allowed are {', '.join(_GROUPS)}.")


def _parse_view(value: str) -> View:
    for known in _VIEWS:
        if value == known:
            return known
    named = ", ".join(_VIEWS[1:])
    raise LineError(f"the column view says {_quoted(value)}; allowed are {named} or nothing.")


def _parse_day(value: str) -> int | None:
    if not value:
        return None
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 6:
        return int(value)
    raise LineError(
        f"the column study_offset_days says {_quoted(value)}; "
        "allowed is a whole number of days or nothing."
    )


def _quoted(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…")
