"""The triggers of the first migrations, as those migrations wrote them; triggers.py replaces them.

Old migrations run this code, so it never changes.
"""

from __future__ import annotations

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

APPEND_ONLY = (
    "annotation_annotation",
    "annotation_reference",
    "annotation_referencesource",
    "annotation_splitentry",
    "annotation_auditevent",
)

_PG_FUNCTION = """
CREATE OR REPLACE FUNCTION annotation_refuse_change() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP; END;
$$ LANGUAGE plpgsql
"""


def install(editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers; safe to repeat."""
    remove(editor)
    if editor.connection.vendor == "postgresql":
        editor.execute(_PG_FUNCTION.replace("%", "%%"), ())
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            editor.execute(_create(editor.connection.vendor, table, verb))


def remove(editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers: for a backward migration, and for tests that flush tables."""
    for table in APPEND_ONLY:
        for verb in ("update", "delete"):
            suffix = f" ON {table}" if editor.connection.vendor == "postgresql" else ""
            editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{suffix}")


def _create(vendor: str, table: str, verb: str) -> str:
    name = f"{table}_no_{verb.lower()}"
    if vendor == "postgresql":
        return (
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change()"
        )
    return (
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
    )
