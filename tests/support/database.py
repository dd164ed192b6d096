"""The database that every test starts with: migrated once a run, then copied.

Most tests roll back what they wrote. A test that commits gets `transactional_db`, and its database
is replaced by a new copy afterwards.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from annotation.models import triggers
from tests.support.sharing import make_once


def make_template(folder: Path) -> str:
    """Return the name of the migrated database of this run; the first process makes it."""
    if connection.vendor == "sqlite":
        return str(make_once(folder / "template.sqlite3", lambda path: _migrate(str(path))))
    name = f"{prefix()}template"

    def make(path: Path) -> None:
        execute_admin(f'CREATE DATABASE "{name}"')
        _migrate(name)
        path.touch()

    make_once(folder / "template", make)
    return name


def use(name: str) -> None:
    """Let Django's connection lead to another database."""
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def copy(template: str, to: str) -> None:
    """Make `to` a copy of the template, whatever it was before; nobody's connection may write."""
    connection.close()
    if connection.vendor == "sqlite":
        # Not a copy of the file: the live server's threads have this database open.
        with (
            contextlib.closing(sqlite3.connect(template)) as source,
            contextlib.closing(sqlite3.connect(to)) as target,
        ):
            source.backup(target)
    else:
        drop(to)
        execute_admin(f'CREATE DATABASE "{to}" TEMPLATE "{template}"')


@contextlib.contextmanager
def unguarded() -> Iterator[None]:
    """Switch the triggers off, as only the owner of a database can: for tests that break rows."""
    is_server = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_server:  # dropping a trigger would wait for the transaction's own deferred checks
            cursor.execute("SET session_replication_role = replica")
        else:
            cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
            texts = [text for (text,) in cursor.fetchall()]
            triggers.remove(connection)
        try:
            yield
        finally:
            if is_server:
                cursor.execute("SET session_replication_role = DEFAULT")
            else:
                for text in texts:  # to install them from the models would look at each table
                    cursor.execute(text)


def drop(name: str) -> None:
    """Remove a database of the server; the file of an SQLite database goes with its folder."""
    if connection.vendor == "postgresql":
        execute_admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def drop_all_of_run() -> None:
    """Remove each database of this run from the server, those of processes that died too."""
    if connection.vendor == "postgresql":
        like = prefix().replace("_", r"\_") + "%"
        for name in execute_admin("SELECT datname FROM pg_database WHERE datname LIKE %s", like):
            drop(name)


def prefix() -> str:
    """Return how the names of this run's databases on a server begin."""
    return f"test_{os.environ['ROUNDTRUTH_TEST_RUN']}_"


def execute_admin(statement: str, *values: str) -> list[str]:
    """Execute a statement about databases on the server; return the first column of its rows."""
    import psycopg

    server = connection.get_connection_params() | {"dbname": "postgres"}
    known = {name: server[name] for name in ("host", "port", "user", "password") if name in server}
    with psycopg.connect(**known, dbname="postgres", autocommit=True) as admin:
        cursor = admin.execute(statement, values or None)
        return [row[0] for row in cursor] if cursor.description else []


def _migrate(name: str) -> None:
    use(name)
    call_command("migrate", verbosity=0, interactive=False)
    connection.close()
