"""Fill the demo project's tables and fingerprint every row, from outside: `move_world.py VERB`."""
# ruff: noqa: E402 - Django is set up before its models are imported

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ["DJANGO_SETTINGS_MODULE"] = "annotation.config.settings"

import django

django.setup()

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, models, transaction

from annotation.bridge import loop
from annotation.models import Assignment, Project, User, triggers
from annotation.services.reading.next_case import lease_next_case
from annotation.services.reading.robot_reader import read_cases
from annotation.services.tokens import create_token
from tests.support.learning import fake_learner

APPEND_ONLY = [
    model._meta.db_table
    for model in triggers.protected_models()
    if triggers.protection_of(model).is_append_only
]


def fill() -> None:
    """Let the demo's first round end, read some of it, leave a case open, use every other table."""
    project = Project.objects.get(slug="demo")
    loop.run_until_decision(project.rounds.get(), learner=fake_learner())
    loop.sweep()  # the demo promotes its own rounds
    person = User.objects.get(username="reader")  # who did not draw what is judged
    tally = read_cases(
        project=project, reader=person, purpose=Assignment.Purpose.PICK, seed=0, limit=3
    )
    assert tally.n_read == 3
    assert lease_next_case(project=project, reader=person, purpose=Assignment.Purpose.PICK)
    create_token(user=person, name="script", scope="read")
    group = Group.objects.create(name="Überprüfer")
    group.permissions.add(Permission.objects.get(codename="view_image"))
    person.groups.add(group)
    LogEntry.objects.create(
        user=person,
        content_type=ContentType.objects.get_for_model(Project),
        object_id=str(project.id),
        action_flag=2,
    )


def facts() -> None:
    """Fingerprint every table, and try to change each append-only one."""
    tables = {
        model._meta.label_lower: _fingerprint(model)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
    }
    made = Group.objects.create(name="made after the move")  # its number must still be free
    made.delete()
    found = {
        "vendor": connection.vendor,
        "tables": {name: row for name, row in sorted(tables.items()) if row[0]},
        "unguarded": [*triggers.missing(connection), *filter(_is_changeable, APPEND_ONLY)],
    }
    sys.stdout.write(json.dumps(found))


def _fingerprint(model: type[models.Model]) -> tuple[int, str]:
    """Count the rows and hash every column of them, whatever order the engine keeps."""
    names = [field.attname for field in model._meta.concrete_fields]
    values = model._base_manager.values(*names)
    rows = [json.dumps(row, default=str, sort_keys=True) for row in values]
    return len(rows), hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def _is_changeable(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        if not cursor.fetchone()[0]:
            return False  # triggers of rows see no row; `missing` has looked for them
    refused = 0
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        except DatabaseError as error:
            refused += "append-only" in str(error)
    return refused < 2


if __name__ == "__main__":
    {verb.__name__: verb for verb in (fill, facts)}[sys.argv[1]]()
