"""Refuse changes to append-only rows in the database itself."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from annotation.models import first_triggers


def install(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    first_triggers.install(editor)


def remove(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    first_triggers.remove(editor)


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
