"""Check a release folder against its manifest, without a database or a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from django.core.management.base import CommandParser

from annotation.formats.verification import Verification, verify_folder
from annotation.management.console import ConsoleCommand, Outcome, UsageError

MAX_LISTED = 20


class Command(ConsoleCommand):
    help = (
        "List every missing, changed or extra file of a release folder. "
        "Exit code 0 means that nothing differs."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", help="the folder that holds manifest.json")

    def run(self, options: Mapping[str, object]) -> Outcome:
        folder = Path(str(options["folder"]))
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder.")
        with self.progress("Verifying", unit="file") as progress:
            verification = verify_folder(folder, progress=progress)
        if verification.holds:
            return Outcome(
                {"holds": True, **asdict(verification)},
                [f"{folder} is the release: all {verification.checked} files match the manifest."],
            )
        return Outcome(
            {"holds": False, **asdict(verification)},
            _lines(verification),
            refusal=_refusal(verification),
        )


def _lines(verification: Verification) -> list[str]:
    """Return a line for each wrong file, at most MAX_LISTED of each kind."""
    lines = []
    for kind in ("broken", "missing", "changed", "extra"):
        paths: list[str] = getattr(verification, kind)
        lines += [f"{kind}: {path}" for path in paths[:MAX_LISTED]]
        if len(paths) > MAX_LISTED:
            lines.append(f"{kind}: and {len(paths) - MAX_LISTED} more (--json lists all)")
    return lines


def _refusal(verification: Verification) -> str:
    parts = [
        f"{len(paths)} {kind}"
        for kind in ("broken", "missing", "changed", "extra")
        if (paths := getattr(verification, kind))
    ]
    return f"This is not the release: {', '.join(parts)}."
