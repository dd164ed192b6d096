"""Django's migrate, which also keeps the triggers of protected tables in step with the models.

Migrations change rows and make tables afresh, so the triggers go before them and come back after
them. Run without anything to migrate, it puts back a trigger that somebody dropped.
"""

from __future__ import annotations

from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from annotation.models import triggers


class Command(migrate.Command):
    """Migrate, and install the triggers even if a migration fails."""

    def handle(self, *args: object, **options: object) -> None:
        connection = connections[str(options["database"])]
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        if options["app_label"] or _has_work(connection):
            triggers.remove(connection)
        try:
            super().handle(*args, **options)
        finally:
            triggers.install(connection)


def _has_work(connection: BaseDatabaseWrapper) -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
