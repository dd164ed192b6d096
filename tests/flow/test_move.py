"""A database moves between the two engines as docs/operations.md says, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from tests.flow.installation import Databases, Installation, installed

WORLD = str(Path(__file__).with_name("move_world.py"))


def moved(old: Installation, new: Installation, address: str) -> dict[str, object]:
    """Move the rows, hold both sides against the invariants, and return the new side's facts."""
    before = old.ask(WORLD, "facts")
    new.run("manage.py", "migrate", "--verbosity", "0")
    new.run("manage.py", "copy_database", "--from", address)
    for side in (old, new):
        side.run("manage.py", "check_invariants")
        side.run("manage.py", "verify_audit")
    after = new.ask(WORLD, "facts")
    for table, rows in before["tables"].items():
        assert after["tables"].get(table) == rows, table
    assert after["tables"].keys() == before["tables"].keys()
    assert after["unguarded"] == []
    return after


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor == "sqlite", reason="a database moves to PostgreSQL")
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_demo_moves_to_postgresql_and_back_with_every_row(
    tmp_path: Path, databases: Databases
) -> None:
    var = tmp_path / "var"
    lite, large = installed(var), installed(var, databases.make())
    back = installed(var, f"sqlite:///{tmp_path / 'back.sqlite3'}")
    lite.run("manage.py", "migrate", "--verbosity", "0")
    lite.run("manage.py", "create_demo")
    lite.run(WORLD, "fill")
    released = lite.exported(tmp_path / "first", project="demo")

    there = moved(lite, large, f"sqlite:///{var / 'roundtruth.sqlite3'}")
    assert there["vendor"] == "postgresql"
    assert large.exported(tmp_path / "second", project="demo") == released
    copy = ("manage.py", "copy_database", "--from")
    assert "not empty" in large.refused(*copy, f"sqlite:///{var / 'roundtruth.sqlite3'}")
    assert "There is no file" in large.refused(*copy, f"sqlite:///{tmp_path / 'none.sqlite3'}")
    here = moved(large, back, large.env["DATABASE_URL"])
    assert here["vendor"] == "sqlite"
    assert back.exported(tmp_path / "third", project="demo") == released
    assert {"annotation.proposal", "annotation.candidate", "admin.logentry"} <= set(there["tables"])
