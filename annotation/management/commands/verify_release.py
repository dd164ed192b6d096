"""Check a release folder against its manifest. Needs no database and no server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from django.core.management.base import CommandParser

from annotation.formats.verification import Verification, verify_folder
from annotation.management.console import ConsoleCommand, Outcome, UsageError

SHOWN = 20


class Command(ConsoleCommand):
    help = "List every missing, changed or extra file of a release folder. Exit code 0: none."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", help="the folder that holds manifest.json")

    def run(self, options: Mapping[str, object]) -> Outcome:
        folder = Path(str(options["folder"]))
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder.")
        with self.progress("Verifying", unit="file") as progress:
            found = verify_folder(folder, progress=progress)
        if found.holds:
            return Outcome(
                {"holds": True, **asdict(found)},
                [f"{folder} is the release: all {found.checked} files are as in the manifest."],
            )
        return Outcome({"holds": False, **asdict(found)}, _lines(found), refusal=_sentence(found))


def _lines(found: Verification) -> list[str]:
    """Return a line for each wrong file, at most SHOWN of each kind."""
    lines = []
    for kind in ("broken", "missing", "changed", "extra"):
        paths: list[str] = getattr(found, kind)
        lines += [f"{kind}: {path}" for path in paths[:SHOWN]]
        if len(paths) > SHOWN:
            lines.append(f"{kind}: and {len(paths) - SHOWN} more (--json names all)")
    return lines


def _sentence(found: Verification) -> str:
    parts = [
        f"{len(paths)} {kind}"
        for kind in ("broken", "missing", "changed", "extra")
        if (paths := getattr(found, kind))
    ]
    return f"This is not the release: {', '.join(parts)}."
