"""Database triggers that keep rows as their models declare it, on both engines.

`manage.py migrate` calls `install` at its end and `remove` before it changes tables: SQLite makes
some tables afresh and would lose their triggers. A trigger's name ends with a digest of its text,
so a changed declaration gives a new trigger. The owner of a database can drop them all; the hash
chain of the audit shows what was changed then.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from django.apps import apps
from django.db import models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from annotation.models import first_triggers
from annotation.models.protection import Protection
from annotation.models.trigger_rules import Guard, guards_of

_PREFIX = "rt_"
_COLUMN = re.compile(r'(?:OLD|NEW)\."?(\w+)')
_INTEGRITY_ERROR = "integrity_constraint_violation"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger: its name, its table, the statements that create it, and its stored text."""

    name: str
    table: str
    statements: tuple[str, ...]
    text: str


def protected_models() -> list[type[models.Model]]:
    """Return the models of this app whose tables have triggers."""
    return [model for model in apps.get_app_config("annotation").get_models() if _guarded(model)]


def protection_of(model: type[models.Model]) -> Protection:
    """Return what the model itself declares; raise KeyError if it declares nothing."""
    declared: Protection = model.__dict__["protection"]
    return declared


def wanted(connection: BaseDatabaseWrapper) -> list[Trigger]:
    """Return every trigger that this database should have."""
    return [
        _trigger(connection, model._meta.db_table, guard)
        for model in protected_models()
        for guard in guards_of(model, protection_of(model), connection)
    ]


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Return a sentence for each trigger that is absent, switched off or has another text."""
    present = _present(connection)
    return [
        f"The table {trigger.table} is not protected: its trigger {trigger.name} is missing, "
        "switched off or changed. `manage.py migrate` puts it back."
        for trigger in wanted(connection)
        if present.get((trigger.name, trigger.table)) != trigger.text
    ]


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are missing and drop old ones; write nothing if all are there.

    A trigger that names a column is left out until a migration has added the column.
    """
    present = _present(connection)
    ready = [trigger for trigger in wanted(connection) if _is_ready(connection, trigger)]
    kept = {(trigger.name, trigger.table): trigger.text for trigger in ready}
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for name, table in present:
            if present[name, table] != kept.get((name, table)):
                _drop(connection, name, table)
        for trigger in ready:
            if present.get((trigger.name, trigger.table)) != trigger.text:
                for statement in trigger.statements:
                    cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop every trigger of this app, so that migrations may change its tables and rows."""
    with transaction.atomic(using=connection.alias):
        for name, table in _present(connection):
            _drop(connection, name, table)


def _guarded(model: type[models.Model]) -> bool:
    return "protection" in model.__dict__ and not protection_of(model).is_free


def _trigger(connection: BaseDatabaseWrapper, table: str, guard: Guard) -> Trigger:
    digest = hashlib.sha256(f"{connection.vendor} {guard}".encode()).hexdigest()[:8]
    name = f"{_PREFIX}{table.removeprefix('annotation_')}_{guard.verb.lower()}_{digest}"
    quoted = ", ".join(f'"{column}"' for column in guard.columns)
    columns = f" OF {quoted}" if quoted else ""
    says = guard.says.replace("'", "''")
    if connection.vendor != "postgresql":
        when = f" WHEN {guard.when}" if guard.when else ""
        text = (
            f"CREATE TRIGGER {name} BEFORE {guard.verb}{columns} ON {table}{when} "
            f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
        )
        return Trigger(name, table, (text,), text)
    refuse = f"RAISE EXCEPTION USING MESSAGE = '{says}', ERRCODE = '{_INTEGRITY_ERROR}';"
    text = f"BEGIN IF {guard.when or 'TRUE'} THEN {refuse} END IF; RETURN {guard.returns}; END;"
    each = "STATEMENT" if guard.verb == "TRUNCATE" else "ROW"
    statements = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger AS $$ {text} $$ LANGUAGE plpgsql",
        f"CREATE TRIGGER {name} BEFORE {guard.verb}{columns} ON {table} "
        f"FOR EACH {each} EXECUTE FUNCTION {name}()",
    )
    return Trigger(name, table, statements, text)


_PRESENT = {
    "sqlite": "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": (
        "SELECT tgname, relname, CASE tgenabled WHEN 'O' THEN btrim(prosrc) WHEN 'A' "
        "THEN btrim(prosrc) ELSE '' END FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "JOIN pg_proc ON pg_proc.oid = tgfoid "
        "WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
    ),
}


def _present(connection: BaseDatabaseWrapper) -> dict[tuple[str, str], str]:
    """Return the text of each trigger of this app, by its name and table."""
    old = {
        f"{table}_no_{verb}"
        for table in first_triggers.APPEND_ONLY
        for verb in ("update", "delete")
    }
    with connection.cursor() as cursor:
        cursor.execute(_PRESENT[connection.vendor])
        rows: list[tuple[str, str, str]] = cursor.fetchall()
    return {
        (name, table): text for name, table, text in rows if name.startswith(_PREFIX) or name in old
    }


def _drop(connection: BaseDatabaseWrapper, name: str, table: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
            cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")
        else:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def _is_ready(connection: BaseDatabaseWrapper, trigger: Trigger) -> bool:
    """Say whether the table exists with every column that the trigger names."""
    with connection.cursor() as cursor:
        if trigger.table not in connection.introspection.table_names(cursor):
            return False
        described = connection.introspection.get_table_description(cursor, trigger.table)
    return set(_COLUMN.findall(trigger.text)) <= {column.name for column in described}
