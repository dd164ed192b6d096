"""Import a folder of radiographs and their masks into a project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from django.core.management.base import CommandParser

from annotation.errors import NotFound
from annotation.management.console import (
    ConsoleCommand,
    Outcome,
    UsageError,
    named_account,
    named_project,
)
from annotation.services.intake.importing import import_folder
from annotation.services.intake.report import IntakeReport
from annotation.services.intake.rows import MasksAs
from mlloop.contract.splits import Group

_MAX_LISTED = 50


class Command(ConsoleCommand):
    help = (
        "Import PNG, JPEG and TIFF radiographs. You can run it again: images that are already "
        "imported are counted and not imported twice, and missing masks are added."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "path", type=Path, help="the folder; its metadata.csv is used if it exists"
        )
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--metadata",
            type=Path,
            metavar="CSV",
            help="metadata file; its paths are relative to PATH",
        )
        parser.add_argument(
            "--masks", type=Path, metavar="DIR", help="infection masks, named like their images"
        )
        parser.add_argument(
            "--lung-masks", type=Path, metavar="DIR", help="lung masks, named like their images"
        )
        parser.add_argument(
            "--masks-as",
            choices=["seed", "truth"],
            default="seed",
            help="seed: accepted annotations; truth: hidden, only the robot reader sees them",
        )
        parser.add_argument(
            "--group",
            choices=["covid", "normal", "other"],
            default="covid",
            help="group of images without metadata",
        )
        parser.add_argument(
            "--limit",
            type=_positive_number,
            metavar="N",
            help="import at most N images, as whole patients",
        )
        parser.add_argument(
            "--limit-seed", type=int, default=0, metavar="S", help="random seed of --limit"
        )
        parser.add_argument(
            "--as",
            dest="actor",
            default="",
            metavar="ACCOUNT",
            help="the account that the audit records",
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        project = named_project(options["project"])
        with self.progress("importing") as show:
            try:
                report = import_folder(
                    project=project,
                    folder=cast("Path", options["path"]),
                    metadata=cast("Path | None", options["metadata"]),
                    masks=cast("Path | None", options["masks"]),
                    lung_masks=cast("Path | None", options["lung_masks"]),
                    masks_as=cast("MasksAs", options["masks_as"]),
                    group=cast("Group", options["group"]),
                    actor=named_account(options["actor"]),
                    progress=show,
                    limit=cast("int | None", options["limit"]),
                    limit_seed=cast("int", options["limit_seed"]),
                )
            except NotFound as error:
                raise UsageError(error.sentence) from error
        refusal = "" if report.has_succeeded else "Nothing was imported."
        return Outcome(report.as_json(), _lines_for_people(report), refusal)


def _lines_for_people(report: IntakeReport) -> list[str]:
    """Return the result of the import as lines for people."""
    groups = ", ".join(f"{n} {group}" for group, n in sorted(report.groups.items()))
    masks = ", ".join(f"{n} {label}" for label, n in sorted(report.masks.items()))
    lines = [
        f"{report.added} images added{f' ({groups})' if groups else ''}, {report.known} known, "
        f"{report.duplicates} offered twice, {report.n_refused} refused.",
        f"{report.patients} new patients, {report.sealed_patients} of them sealed.",
        f"Masks added: {masks or 'none'}; {report.masks_known} known, "
        f"{report.implied_controls} empty masks added for controls.",
    ]
    if report.left_out:
        lines.append(f"{report.left_out} images were left out by --limit.")
    lines += [f"  refused {item.file}: {item.reason}" for item in report.refused[:_MAX_LISTED]]
    if report.n_refused > _MAX_LISTED:
        lines.append(f"  and {report.n_refused - _MAX_LISTED} more; --json lists them.")
    if report.n_near_duplicates:
        lines.append(f"{report.n_near_duplicates} pairs of different patients look alike, such as")
        lines += [f"  {pair.file} and {pair.other_file}" for pair in report.near_duplicates[:5]]
    return [*lines, f"{report.seconds:.1f} s."]


def _positive_number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
