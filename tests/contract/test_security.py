"""docs/security.md has a row for every class of weakness, and every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
# What was found in comparable tools: each has a row, whatever the row says.
CLASSES = (
    "Unsafe deserialisation",
    "Weight provenance",
    "Object permissions (IDOR)",
    "Mass assignment",
    "Privilege by staff or admin",
    "ORM leak by filter",
    "Request forgery by the server (SSRF)",
    "Path traversal",
    "Zip slip and links",
    "Zip bomb",
    "Image bomb",
    "Mask and polygon bomb",
    "Decompression of a request",
    "Stored scripts (XSS)",
    "Request forgery in the browser (CSRF)",
    "Sessions and secrets",
    "Open registration, guessing",
    "Exposed services",
    "Leak in a blind read",
    "Leak of the sealed set",
    "Races",
    "Formulas in CSV",
    "XML",
    "Identities of patients",
    "DICOM with a second face",
    "Exhaustion by jobs",
    "Supply chain",
    "Policy",
)
SOURCES = [path for folder in ("annotation", "mlloop") for path in (ROOT / folder).rglob("*.py")]


def table() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Return for each class its defence and the tests that its row names."""
    chapter = TEXT.split("## Class, defence, test")[1].split("\n## ")[0]
    rows = [line.split("|") for line in chapter.splitlines() if line.startswith("| ")][1:]
    named = re.compile(r"`([\w/]+\.py)::(\w+)`")
    return {row[1].strip(): (row[3].strip(), named.findall(row[4])) for row in rows}


def test_every_class_has_a_row() -> None:
    assert [name for name in CLASSES if name not in table()] == []


def test_every_row_has_a_test_or_says_why_there_is_no_surface() -> None:
    bare = [
        name
        for name, (defence, tests) in table().items()
        if not tests and not defence.startswith("No surface: ")
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("file", "name"), [test for _, tests in table().values() for test in tests]
)
def test_every_named_test_exists(file: str, name: str) -> None:
    path = ROOT / "tests" / file
    assert path.is_file(), file
    assert re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE), f"{file} has no {name}"


def test_security_policy_has_a_term_of_disclosure() -> None:
    assert "90 days" in (ROOT / "SECURITY.md").read_text()


def test_no_module_parses_xml() -> None:
    pattern = re.compile(r"^\s*(?:import|from) (?:xml|lxml|defusedxml)\b", re.MULTILINE)
    assert [path.name for path in SOURCES if pattern.search(path.read_text())] == []


# Its names are files of the person who runs it, and other programs join on them.
OWN_NAMES = {"mlloop/folders/proposals.py"}


def test_csv_is_written_by_nobody_but_the_audit() -> None:
    pattern = re.compile(r"csv\.(?:writer|DictWriter)|text/csv")
    writers = {
        path.relative_to(ROOT).as_posix() for path in SOURCES if pattern.search(path.read_text())
    }
    assert [name for name in writers - OWN_NAMES if "audit" not in name] == []
