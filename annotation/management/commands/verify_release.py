"""Check a released folder against its manifest; needs no database and no server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from django.core.management.base import CommandParser

from annotation.formats.qata import Verification, verify_folder
from annotation.management.console import Outcome, Usage, Verb

SHOWN = 20


class Command(Verb):
    help = "Name every missing, changed or extra file of a release folder; exit 0 if there is none."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", help="the folder that holds manifest.json")

    def run(self, options: Mapping[str, object]) -> Outcome:
        folder = Path(str(options["folder"]))
        if not folder.is_dir():
            raise Usage(f"{folder} is not a folder.")
        with self.progress("Verifying", unit="file") as progress:
            found = verify_folder(folder, progress=progress)
        if found.holds:
            return Outcome(
                {"holds": True, **asdict(found)},
                [f"{folder} is the release: all {found.checked} files are as in the manifest."],
            )
        return Outcome({"holds": False, **asdict(found)}, _lines(found), refusal=_sentence(found))


def _lines(found: Verification) -> list[str]:
    """List what is wrong, kind by kind, at most SHOWN files each."""
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
