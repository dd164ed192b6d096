"""Copy every row of another database into this database, which must be empty.

Django's dumpdata is no alternative: it cuts times to milliseconds and so loses the order of a
reader's actions. Stored files are not touched, because both databases name the same files.
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
from annotation.models import AuditEvent, Project, ReleaseItem, User

SOURCE, TARGET = "source", "default"
BATCH = 500
_MADE_BY_MIGRATE: tuple[type[models.Model], ...] = (Permission, ContentType)


def copy_database(
    *, source: str, progress: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Copy all rows from the database at the address `source`; return the number of rows by table.

    Raises Invalid if no database answers there, Refused if its migrations differ or this database
    is not empty. One transaction holds everything, because nobody works in this database yet.
    """
    _register_source(source)
    try:
        _require_same_version_and_empty_target()
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
    # The triggers stay on. They take no more files for a published release, so the files go first.
    tables.sort(key=lambda model: model is not ReleaseItem)
    total = sum(model._base_manager.using(SOURCE).count() for model in tables)
    # `migrate` gave these rows other ids here, but the copied rows name the ids of the source.
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


def _register_source(source: str) -> None:
    """Register the source with Django under its alias; raise Invalid if it does not answer."""
    try:
        parsed = dj_database_url.parse(source)
    except (ValueError, KeyError) as error:
        raise Invalid("That is not the address of a database.", field="from") from error
    file = Path(str(parsed["NAME"]))
    if parsed["ENGINE"].endswith("sqlite3") and not file.is_file():
        raise Invalid(f"There is no file {file}.", field="from")  # SQLite would make an empty one
    target = connections[TARGET].settings_dict
    shared = {name: target[name] for name in ("ATOMIC_REQUESTS", "AUTOCOMMIT", "TIME_ZONE", "TEST")}
    connections.settings[SOURCE] = {"OPTIONS": {}, **shared, **parsed}
    if _address(connections[SOURCE]) == _address(connections[TARGET]):
        raise Invalid(
            "That is this database itself: DATABASE_URL must name the new database.", field="from"
        )
    try:
        connections[SOURCE].ensure_connection()
    except DatabaseError as error:
        raise Invalid(f"No database answers there: {error}", field="from") from error


def _address(connection: BaseDatabaseWrapper) -> tuple[object, ...]:
    return tuple(connection.settings_dict.get(name) for name in ("ENGINE", "HOST", "PORT", "NAME"))


def _require_same_version_and_empty_target() -> None:
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
            "This database is not empty: rows are copied only into a new database.",
            code="not_empty",
        )
