"""A submitted case can be taken up again, and an image lies on one desk whatever the purpose."""

from __future__ import annotations

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

from annotation.models import first_triggers


def free_second_desks(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Release what the constraint now forbids: a race of two purposes could hold an image twice.

    Who drew keeps the case, else who had it first; the other's draft stays with what they gave up.
    """
    assignments = apps.get_model("annotation", "Assignment")
    held = assignments.objects.filter(state="open").exclude(purpose="double")
    taken = set()
    for row in held.order_by("-has_draft", "created_at", "id"):
        if row.image_id in taken:
            held.filter(pk=row.pk).update(state="released", closed_at=timezone.now())
        taken.add(row.image_id)


def guard(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Put the triggers back: SQLite makes a table with a new unique column afresh, without them."""
    first_triggers.install(editor)


class Migration(migrations.Migration):
    dependencies = [("annotation", "0014_round_report")]
    operations = [
        migrations.RunPython(migrations.RunPython.noop, guard),
        migrations.RunPython(free_second_desks, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="assignment", name="assignment_open_once"),
        migrations.AddField(
            model_name="annotation",
            name="supersedes",
            field=models.OneToOneField(
                help_text="What the same reader had submitted on the same case before.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="superseded_by",
                to="annotation.annotation",
            ),
        ),
        migrations.AlterField(
            model_name="assignment",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "Open"),
                    ("submitted", "Submitted"),
                    ("released", "Released"),
                    ("reopened", "Reopened"),
                ],
                default="open",
                max_length=9,
            ),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("state", "submitted")),
                fields=["project", "reader", "-closed_at"],
                name="assignment_last_submitted",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ["open", "reopened"]),
                    models.Q(("purpose", "double"), _negated=True),
                ),
                fields=("image",),
                name="assignment_held_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "reopened")),
                fields=("project", "reader"),
                name="assignment_reopened_once",
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
