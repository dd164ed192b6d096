"""Move to another database engine: copy every row of the old database into this empty one."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management.base import CommandParser

from annotation.management.console import ConsoleCommand, Outcome
from annotation.services.upkeep.moving import copy_database


class Command(ConsoleCommand):
    help = "Copy all rows of another database into this one. This one must be migrated and empty."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from",
            dest="source",
            required=True,
            metavar="URL",
            help="the old database, for example sqlite:////srv/roundtruth/roundtruth.sqlite3",
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        with self.progress("Copying", unit="row") as progress:
            rows_by_table = copy_database(source=str(options["source"]), progress=progress)
        rows = sum(rows_by_table.values())
        return Outcome(
            {"rows": rows, "tables": rows_by_table},
            [f"{rows} rows were copied. Check them: python manage.py check_invariants"],
        )
