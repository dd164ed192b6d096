"""Check the database's triggers, and every project for the rules that hold at any time."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management.base import CommandParser
from django.db import connection

from annotation.management.console import ConsoleCommand, Outcome, named_project
from annotation.models import Project, triggers
from annotation.selectors.upkeep.invariants import breaches


class Command(ConsoleCommand):
    help = (
        "List every broken invariant: triggers, splits, chains of references, leaks, missing files."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="check one project; default: all")

    def run(self, options: Mapping[str, object]) -> Outcome:
        slug = options["project"]
        projects = [named_project(slug)] if slug else list(Project.objects.order_by("slug"))
        broken = {project.slug: list(breaches(project)) for project in projects}
        unprotected = triggers.missing(connection)
        facts = {"breaches": broken, "database": unprotected}
        lines = [
            *unprotected,
            *(f"{slug}: {sentence}" for slug in broken for sentence in broken[slug]),
        ]
        if not lines:
            return Outcome(facts, [f"All invariants hold in {len(broken)} project(s)."])
        return Outcome(facts, lines, f"{len(lines)} invariant(s) are broken.")
