"""What the database refuses on a model's table. Each model declares it as `protection`.

triggers.py makes the triggers from these declarations. The conditions are SQL that both engines
know; OLD is the row before the change, NEW the row after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Final:
    """Columns that no longer change once the condition holds; no field named: all but `but`."""

    when: str
    fields: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A change that is refused: its verb, the SQL condition, and what the database answers."""

    verb: str
    when: str
    says: str


@dataclass(frozen=True, slots=True)
class Protection:
    """The changes of one table that its triggers refuse. `why` is for people.

    `keeps_rows` refuses to delete, replace or truncate. `replaceable_when` is an SQL condition on
    NEW under which a row may be written again by an upsert, if it holds for the old row, too.
    `fixed` fields never change. `moves` are the states that may follow each state.
    """

    why: str
    is_append_only: bool = False
    keeps_rows: bool = True
    replaceable_when: str = ""
    fixed: tuple[str, ...] = ()
    final: tuple[Final, ...] = ()
    moves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    @property
    def is_free(self) -> bool:
        """Say whether the table has no trigger at all."""
        changes = self.fixed or self.final or self.moves or self.rules
        return not (self.is_append_only or self.keeps_rows or changes)


def append_only(why: str) -> Protection:
    """Return the protection of rows that are written once."""
    return Protection(why, is_append_only=True)


def free(why: str) -> Protection:
    """Return the protection of rows that may change; `why` says what is lost if they do."""
    return Protection(why, keeps_rows=False)
