"""Make a release and copy it to a folder. An existing version is copied with the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from django.core.management.base import CommandParser

from annotation.management.console import ConsoleCommand, Outcome, named_account, named_project
from annotation.models import Release
from annotation.selectors.releases.parts import has_sealed_part
from annotation.services.releases.exporting import export_release
from annotation.services.releases.freezing import run_release
from annotation.services.releases.requesting import DEFAULT_FORMATS, request_release


class Command(ConsoleCommand):
    help = "Make version X.Y.Z of the reference masks if it is new, and copy it to a folder."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--version", required=True, metavar="X.Y.Z", dest="release_version")
        parser.add_argument("--out", required=True, metavar="DIR", help="a new or empty folder")
        parser.add_argument(
            "--sealed-out",
            metavar="DIR",
            help="a new or empty folder for the sealed part; without it, no sealed mask is written",
        )
        parser.add_argument("--format", nargs="+", default=list(DEFAULT_FORMATS), metavar="NAME")
        parser.add_argument(
            "--as", dest="account", metavar="ACCOUNT", help="the account that the audit records"
        )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: object) -> CommandParser:
        """Let `--version` name the release: Django uses the same option for its own version."""
        kwargs["conflict_handler"] = "resolve"
        return super().create_parser(prog_name, subcommand, **kwargs)

    def run(self, options: Mapping[str, object]) -> Outcome:
        project, actor = named_project(options["project"]), named_account(options["account"])
        release = request_release(
            project=project,
            version=str(options["release_version"]),
            actor=actor,
            formats=tuple(cast("Sequence[str]", options["format"])),
        )
        with self.progress("Freezing", unit="mask") as progress:
            run_release(release_id=release.id, progress=progress)
        release.refresh_from_db()
        with self.progress("Copying", unit="file") as progress:
            folder = export_release(
                release=release, folder=Path(str(options["out"])), actor=actor, progress=progress
            )
        sealed = Path(str(options["sealed_out"])) if options["sealed_out"] else None
        if sealed:
            with self.progress("Copying the sealed part", unit="file") as progress:
                export_release(
                    release=release, folder=sealed, part="sealed", actor=actor, progress=progress
                )
        return _outcome(release, folder, sealed)


def _outcome(release: Release, folder: Path, sealed: Path | None) -> Outcome:
    facts: dict[str, object] = {
        "path": str(folder),
        "version": release.version,
        "masks": release.n_masks,
        "manifest_sha256": release.manifest_sha256,
        "sealed_path": str(sealed) if sealed else None,
    }
    left_out = "The sealed part is not written; --sealed-out DIR writes it, for curators only."
    about_sealed = []
    if sealed:
        about_sealed = [f"The sealed part is in {sealed}. Give it to no one who trains networks."]
    elif has_sealed_part(release):
        about_sealed = [left_out]
    return Outcome(
        facts,
        [
            f"{release.project.name} {release.version}: {release.n_masks} masks in {folder}",
            f"sha256 of manifest.json: {release.manifest_sha256}",
            *about_sealed,
            f"Anyone can check it: python manage.py verify_release {folder} "
            f"--sha256 {release.manifest_sha256}",
        ],
    )
