"""The documents name only things that exist, and they name every verb, command and setting.

Checked are verbs, commands, settings, endpoints and files. Prose is not checked.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = [
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if path.name != "CHANGELOG.md"  # it also names things that no longer exist
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in DOCS}
EVERYTHING = "\n".join(TEXTS.values())


def make_verbs() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def management_commands() -> set[str]:
    folder = ROOT / "annotation" / "management" / "commands"
    return {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}


def settings_in_code() -> set[str]:
    text = (ROOT / "annotation" / "config" / "settings.py").read_text()
    names = set(re.findall(r"""environ(?:\.get\(|\[)["']([A-Z_]+)""", text))
    return names | {"DATABASE_URL"}  # dj_database_url.config reads it


def documented_settings() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", TEXTS["docs/operations.md"], re.MULTILINE))


def documented_commands() -> set[str]:
    chapter = TEXTS["docs/operations.md"].split("## Commands")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z_]+)[ `]", chapter, re.MULTILINE))


def test_make_verbs_named_in_docs_exist() -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", EVERYTHING, re.MULTILINE))
    assert named
    assert named <= make_verbs()


def test_make_verbs_are_all_in_contributing() -> None:
    table = re.findall(r"^\| `make ([a-z-]+)", TEXTS["CONTRIBUTING.md"], re.MULTILINE)
    assert set(table) == make_verbs()


def test_make_verbs_hold_the_stable_surface() -> None:
    assert {"setup", "demo", "test", "loop", "bench", "lint", "types"} <= make_verbs()


def test_commands_named_in_docs_exist() -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", EVERYTHING)) - {"help", "migrate"}
    assert named | documented_commands() <= management_commands()


def test_commands_are_all_documented() -> None:
    assert management_commands() <= documented_commands()


def test_settings_are_documented_and_nothing_else_is() -> None:
    assert documented_settings() == settings_in_code()


def test_environment_is_read_in_settings_only() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "annotation").rglob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text())
    }
    # The other files set DJANGO_SETTINGS_MODULE or pass an environment to a child process.
    allowed = {f"annotation/config/{name}.py" for name in ("settings", "wsgi", "asgi", "celery")}
    assert readers <= allowed | {"annotation/bridge/child.py"}


def test_endpoints_named_in_docs_are_in_the_schema() -> None:
    paths = json.loads((ROOT / "frontend" / "schema.json").read_text())["paths"]
    known = {re.sub(r"\{[^}]*\}", "{}", path) for path in paths}
    named = set(re.findall(r"`(?:[A-Z]+ )?(/api/v1/[a-z_{}/]+)`", EVERYTHING))
    assert {re.sub(r"\{[^}]*\}", "{}", path) for path in named} <= known


def named_files() -> list[tuple[str, str]]:
    pattern = r"`((?:annotation|mlloop|frontend|tools|docker|fixtures|bench|tests|docs)/[\w./-]+)`"
    pairs = {(doc, name) for doc, text in TEXTS.items() for name in re.findall(pattern, text)}
    links = {
        (doc, str((Path(doc).parent / name).as_posix()))
        for doc, text in TEXTS.items()
        for name in re.findall(r"\]\(([\w./-]+)\)", text)
    }
    return sorted(pairs | links)


@pytest.mark.parametrize(("doc", "name"), named_files())
def test_files_named_in_docs_exist(doc: str, name: str) -> None:
    assert (ROOT / name).exists(), f"{doc} names {name}"


def test_the_seven_files_are_seven() -> None:
    chapter = (
        TEXTS["CONTRIBUTING.md"].split("### One accepted mask, seven files")[1].split("###")[0]
    )
    assert len(re.findall(r"^\d\. `[\w./]+\.(?:py|ts)`", chapter, re.MULTILINE)) == 7


def test_readme_is_short() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 150


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = re.findall(r"^## (\d+)\. ", TEXTS["DECISIONS.md"], re.MULTILINE)
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]


def test_readme_names_every_guide() -> None:
    guides = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert "docs/security.md" in guides
    assert sorted(guide for guide in guides if f"]({guide})" not in TEXTS["README.md"]) == []
