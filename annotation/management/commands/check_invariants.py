"""Check every project for the invariants: rules that hold at any time."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management.base import CommandParser

from annotation.management.console import ConsoleCommand, Outcome, named_project
from annotation.models import Project
from annotation.selectors.upkeep.invariants import breaches


class Command(ConsoleCommand):
    help = "List every broken invariant: splits, chains of references, leaks, missing files."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="check one project; default: all")

    def run(self, options: Mapping[str, object]) -> Outcome:
        slug = options["project"]
        projects = [named_project(slug)] if slug else list(Project.objects.order_by("slug"))
        broken = {project.slug: list(breaches(project)) for project in projects}
        lines = [f"{slug}: {sentence}" for slug in broken for sentence in broken[slug]]
        if not lines:
            return Outcome(
                {"breaches": broken}, [f"All invariants hold in {len(broken)} project(s)."]
            )
        return Outcome({"breaches": broken}, lines, f"{len(lines)} invariant(s) are broken.")
