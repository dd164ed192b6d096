"""Turn a model's protection into guards for one engine: verb, SQL condition and answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from annotation.models.protection import Final, Protection

_NAME = re.compile(r'"(\w+)"')  # a column in the condition of a partial unique index


@dataclass(frozen=True, slots=True)
class Guard:
    """One refusal. `when` is empty if it always holds; `columns` limit an UPDATE."""

    verb: str
    when: str
    says: str
    columns: tuple[str, ...] = ()

    @property
    def returns(self) -> str:
        """Return the row with which a PostgreSQL trigger lets the change through."""
        return {"DELETE": "OLD", "TRUNCATE": "NULL"}.get(self.verb, "NEW")


def guards_of(
    model: type[models.Model], protection: Protection, connection: BaseDatabaseWrapper
) -> list[Guard]:
    """Return every guard of a model's table on this engine."""
    guards = [*_row_guards(model, protection), *_column_guards(model, protection, connection)]
    if connection.vendor == "postgresql":
        guards.append(Guard("TRUNCATE", "", f"{_name(model)} keeps its rows: TRUNCATE refused"))
    else:
        guards.extend(_replace_guards(model, protection, connection))
    return guards


def _row_guards(model: type[models.Model], protection: Protection) -> Iterator[Guard]:
    name = _name(model)
    if protection.is_append_only:
        yield Guard("UPDATE", "", f"{name} is append-only: UPDATE refused")
        yield Guard("DELETE", "", f"{name} is append-only: DELETE refused")
    elif protection.keeps_rows:
        yield Guard("DELETE", "", f"{name} keeps its rows: DELETE refused")
    for rule in protection.rules:
        yield Guard(rule.verb, rule.when, f"{name}: {rule.says}: {rule.verb} refused")


def _column_guards(
    model: type[models.Model], protection: Protection, connection: BaseDatabaseWrapper
) -> Iterator[Guard]:
    name = _name(model)
    if protection.fixed:
        columns = _columns(model, protection.fixed)
        yield Guard(
            "UPDATE",
            _any_changed(columns, connection),
            f"{name}: {', '.join(protection.fixed)} never change: UPDATE refused",
            columns,
        )
    for final in protection.final:
        columns = _final_columns(model, final)
        yield Guard(
            "UPDATE",
            f"({final.when}) AND ({_any_changed(columns, connection)})",
            f"{name}: this row is final: UPDATE refused",
            columns,
        )
    if protection.moves:
        allowed = " OR ".join(
            f"(OLD.state = '{state}' AND NEW.state IN ({_listed(after)}))"
            for state, after in protection.moves.items()
            if after
        )
        yield Guard(
            "UPDATE",
            f"OLD.state <> NEW.state AND NOT ({allowed})",
            f"{name}: this state does not follow that one: UPDATE refused",
            ("state",),
        )


def _replace_guards(
    model: type[models.Model], protection: Protection, connection: BaseDatabaseWrapper
) -> Iterator[Guard]:
    """Refuse what SQLite's REPLACE does: it deletes the rows that a new row is in conflict with.

    SQLite runs DELETE triggers for them only under PRAGMA recursive_triggers. Whoever opens the
    file without it meets these guards instead. They judge the row that would be deleted, too: the
    new row may belong to other work, which is not finished.
    """
    name, table = _name(model), model._meta.db_table
    kept = _is_kept(table, protection)
    if kept is None:
        return
    kinds = _unique_columns(model, connection)
    taken = " OR ".join(_is_taken(table, columns, condition, kept) for columns, condition in kinds)
    yield Guard("INSERT", taken, f"{name} keeps its rows: REPLACE refused")
    if protection.is_append_only or any(
        rule.verb == "UPDATE" and not rule.when for rule in protection.rules
    ):
        return
    fixed = {"id", *_columns(model, protection.fixed)}
    loose = [kind for kind in kinds if not (kind[1] == "" and set(kind[0]) <= fixed)]
    if loose:
        touched = {column for columns, _ in loose for column in columns}
        touched |= {name for _, condition in loose for name in _NAME.findall(condition)}
        other = f'{kept} AND "{table}"."id" <> NEW."id"'
        taken = " OR ".join(
            _is_taken(table, columns, condition, other) for columns, condition in loose
        )
        yield Guard(
            "UPDATE",
            taken,
            f"{name} keeps its rows: REPLACE refused",
            tuple(sorted(touched)),
        )


def _is_kept(table: str, protection: Protection) -> str | None:
    """Return what else holds for a row that REPLACE may not delete; None if it may delete all."""
    if protection.keeps_rows or protection.is_append_only:
        of_new = protection.replaceable_when
        of_row = of_new.replace("NEW.", f'"{table}".')
        return f" AND NOT (({of_new}) AND ({of_row}))" if of_new else ""
    whens = [rule.when for rule in protection.rules if rule.verb == "DELETE"]
    if not whens:
        return None
    of_row = " OR ".join(f"({when or 'TRUE'})" for when in whens).replace("OLD.", f'"{table}".')
    return f" AND ({of_row})"


def _unique_columns(
    model: type[models.Model], connection: BaseDatabaseWrapper
) -> list[tuple[tuple[str, ...], str]]:
    """Return the columns of each unique index, with the SQL condition of a partial one."""
    fields = model._meta.concrete_fields
    kinds = [(_columns(model, [field.name]), "") for field in fields if field.unique]
    editor = connection.SchemaEditorClass(connection, collect_sql=True)  # only for conditions
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            condition = constraint._get_condition_sql(model, editor) or ""  # type: ignore[attr-defined]
            kinds.append((_columns(model, constraint.fields), condition))
    return kinds


def _is_taken(table: str, columns: Sequence[str], condition: str, other: str = "") -> str:
    """Return the condition that a row of the table has the unique values of NEW."""
    same = " AND ".join(f'"{table}"."{column}" = NEW."{column}"' for column in columns)
    if condition:
        of_new = _NAME.sub(r'NEW."\1"', condition)
        same = f"{same} AND {condition} AND {of_new}"
    return f'EXISTS (SELECT 1 FROM "{table}" WHERE {same}{other})'  # noqa: S608 - our own names


def _any_changed(columns: Sequence[str], connection: BaseDatabaseWrapper) -> str:
    differs = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
    return " OR ".join(f'OLD."{column}" {differs} NEW."{column}"' for column in columns)


def _final_columns(model: type[models.Model], final: Final) -> tuple[str, ...]:
    names = [field.name for field in model._meta.concrete_fields if field.name not in final.but]
    return _columns(model, final.fields or names)


def _columns(model: type[models.Model], names: Sequence[str]) -> tuple[str, ...]:
    fields = (cast("models.Field[object, object]", model._meta.get_field(name)) for name in names)
    return tuple(str(field.column) for field in fields)


def _listed(states: Sequence[str]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _name(model: type[models.Model]) -> str:
    return model._meta.db_table
