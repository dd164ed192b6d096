"""Chain every row of the audit to the row before it. The order is that of the times."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from annotation.audit_chain import EMPTY, Entry, Head
from annotation.models import first_triggers


def let_rows_change(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the first triggers of the tables; `migrate` installs today's at its end."""
    first_triggers.remove(editor)


def chain(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    events = apps.get_model("annotation", "AuditEvent").objects.using(editor.connection.alias)
    projects = apps.get_model("annotation", "Project").objects.using(editor.connection.alias)
    for project_id in [None, *projects.values_list("id", flat=True)]:
        before, waiting = EMPTY, []
        rows = events.filter(project_id=project_id).order_by("created_at", "id")
        for row in rows.iterator(chunk_size=1000):
            entry = Entry(
                project_id, row.id, row.created_at, row.actor_id, row.verb, row.target, row.facts
            )
            row.sequence, row.previous_sha256 = before.length + 1, before.sha256
            row.sha256 = entry.digest_after(before)
            before = Head(row.sequence, row.sha256)
            waiting.append(row)
        events.bulk_update(waiting, ["sequence", "previous_sha256", "sha256"], batch_size=200)


class Migration(migrations.Migration):
    dependencies = [("annotation", "0019_account_marks")]
    operations = [
        migrations.RunPython(let_rows_change, migrations.RunPython.noop),
        migrations.AddField("auditevent", "sequence", models.PositiveBigIntegerField(default=0)),
        migrations.AddField(
            "auditevent", "previous_sha256", models.CharField(default="", max_length=64)
        ),
        migrations.AddField("auditevent", "sha256", models.CharField(default="", max_length=64)),
        migrations.RunPython(chain, migrations.RunPython.noop),
    ]
