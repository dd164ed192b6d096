"""Hold every project against what must be true at any time."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management.base import CommandParser

from annotation.management.console import Outcome, Verb, named_project
from annotation.models import Project
from annotation.selectors.upkeep.invariants import breaches


class Command(Verb):
    help = "Name every broken invariant: splits, reference chains, leaks, missing bytes."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="all projects by default")

    def run(self, options: Mapping[str, object]) -> Outcome:
        slug = options["project"]
        projects = [named_project(slug)] if slug else list(Project.objects.order_by("slug"))
        found = {project.slug: list(breaches(project)) for project in projects}
        lines = [f"{name}: {sentence}" for name, all_of in found.items() for sentence in all_of]
        if not lines:
            held = f"All invariants hold in {len(found)} project(s)."
            return Outcome({"breaches": found}, [held])
        return Outcome({"breaches": found}, lines, f"{len(lines)} invariant(s) are broken.")
