"""Copy every row of another database into this one, which must be empty; nothing else is changed.

Django's dumpdata cuts times to milliseconds, which loses the order of a reader's actions.
Stored files are not touched: both databases name the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dj_database_url
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import DatabaseError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from annotation.batching import batched
from annotation.errors import Invalid, Refused
from annotation.models import AuditEvent, Project, User

SOURCE, TARGET = "source", "default"
BATCH = 500
_MADE_BY_MIGRATE: tuple[type[models.Model], ...] = (Permission, ContentType)


def copy_database(
    *, source: str, progress: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Copy all rows from the database at the address `source`; return how many of each table.

    Raises Invalid if nothing answers there, Refused if its migrations differ or this database is
    not empty. Everything is one transaction: nobody works in this database yet.
    """
    _open(source)
    try:
        _require_same_version()
        with transaction.atomic(using=SOURCE), transaction.atomic(using=TARGET):
            return _copy(progress)
    finally:
        connections[SOURCE].close()


def _copy(progress: Callable[[int, int], None] | None) -> dict[str, int]:
    tables = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    ]
    total = sum(model._base_manager.using(SOURCE).count() for model in tables)
    # `migrate` made these with other ids than those that the rows of the source name.
    for model in _MADE_BY_MIGRATE:
        model._base_manager.using(TARGET).all().delete()
    copied, done = {}, 0
    for model in tables:
        before = done
        rows = model._base_manager.using(SOURCE).order_by("pk").iterator(chunk_size=BATCH)
        for batch in batched(rows, BATCH):
            model._base_manager.using(TARGET).bulk_create(batch)
            done += len(batch)
            if progress:
                progress(done, total)
        copied[model._meta.label_lower] = done - before
    target = connections[TARGET]
    with target.cursor() as cursor:
        for statement in target.ops.sequence_reset_sql(no_style(), tables):
            cursor.execute(statement)
    target.check_constraints()
    return copied


def _open(source: str) -> None:
    """Make the source known to Django under its alias; raises Invalid if it does not answer."""
    try:
        parsed = dj_database_url.parse(source)
    except (ValueError, KeyError) as error:
        raise Invalid("That is not the address of a database.", field="from") from error
    file = Path(str(parsed["NAME"]))
    if parsed["ENGINE"].endswith("sqlite3") and not file.is_file():
        raise Invalid(f"There is no file {file}.", field="from")  # SQLite would make an empty one
    known = connections[TARGET].settings_dict
    kept = {name: known[name] for name in ("ATOMIC_REQUESTS", "AUTOCOMMIT", "TIME_ZONE", "TEST")}
    connections.settings[SOURCE] = {"OPTIONS": {}, **kept, **parsed}
    if _address(connections[SOURCE]) == _address(connections[TARGET]):
        raise Invalid("That is this very database: DATABASE_URL names the new one.", field="from")
    try:
        connections[SOURCE].ensure_connection()
    except DatabaseError as error:
        raise Invalid(f"No database answers there: {error}", field="from") from error


def _address(connection: BaseDatabaseWrapper) -> tuple[object, ...]:
    return tuple(connection.settings_dict.get(name) for name in ("ENGINE", "HOST", "PORT", "NAME"))


def _require_same_version() -> None:
    """Refuse a source with other migrations, and a target that holds anything."""
    applied = [
        MigrationRecorder(connections[name]).applied_migrations().keys()
        for name in (SOURCE, TARGET)
    ]
    if applied[0] != applied[1]:
        raise Refused(
            "The two databases are not of the same version: run migrate in both first.",
            code="other_migrations",
        )
    holders: tuple[type[models.Model], ...] = (User, Project, AuditEvent)
    if any(model._base_manager.using(TARGET).exists() for model in holders):
        raise Refused(
            "This database is not empty: rows are copied into a new one only.", code="not_empty"
        )
