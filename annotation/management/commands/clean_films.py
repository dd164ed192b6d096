"""Encode films again that older imports stored with more than their pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from django.core.management.base import CommandParser

from annotation.management.console import ConsoleCommand, Outcome, named_project
from annotation.models import Project
from annotation.services.upkeep.cleaning import Cleaned, clean_films


class Command(ConsoleCommand):
    help = (
        "Encode stored films again that hold more than their pixels, such as text behind the rows, "
        "and destroy the former bytes. Films of newer imports never need this."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="clean one project; default: all")

    def run(self, options: Mapping[str, object]) -> Outcome:
        slug = options["project"]
        projects = [named_project(slug)] if slug else list(Project.objects.order_by("slug"))
        done: dict[str, Cleaned] = {}
        for project in projects:
            with self.progress(f"Cleaning {project.slug}") as progress:
                done[project.slug] = clean_films(project=project, progress=progress)
        return Outcome(
            {slug: asdict(cleaned) for slug, cleaned in done.items()},
            [line for slug, cleaned in done.items() for line in _lines(slug, cleaned)],
        )


def _lines(slug: str, cleaned: Cleaned) -> list[str]:
    lines = [f"{slug}: {cleaned.cleaned} of {cleaned.films} films were encoded again."]
    if cleaned.releases:
        versions = ", ".join(cleaned.releases)
        lines.append(f"{slug}: no longer available: {versions}. Make a new version instead.")
    return lines
