"""Write the rows of an audit as CSV for a spreadsheet, or as JSON with all that is hashed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping

COLUMNS = (
    "sequence",
    "created_at",
    "actor",
    "username",
    "verb",
    "target",
    "facts",
    "id",
    "previous_sha256",
    "sha256",
)
# A spreadsheet reads a cell that begins with one of these as a formula; some accept wide forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Row = Mapping[str, object]


class _Line:
    """A file for csv.writer that keeps only the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the header and one line for each row; no cell is a formula."""
    line = _Line()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    yield line.text
    for row in rows:
        writer.writerow([_safe(_text(row[column])) for column in COLUMNS])
        yield line.text


def json_pieces(chain: str, length: int, sha256: str, rows: Iterable[Row]) -> Iterator[str]:
    """Yield one JSON object in pieces: the chain, its head, and the rows."""
    head = json.dumps({"length": length, "sha256": sha256})
    yield f'{{"chain": {json.dumps(chain)}, "head": {head}, "rows": ['
    separator = "\n"
    for row in rows:
        yield separator + json.dumps(dict(row), sort_keys=True)
        separator = ",\n"
    yield "\n]}\n"


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True) if value else ""
    return "" if value is None else str(value)


def _safe(text: str) -> str:
    """Return the text with an apostrophe before anything that a spreadsheet would calculate."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
