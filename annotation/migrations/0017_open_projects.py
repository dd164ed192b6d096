"""Mark the projects in which one person already both reads and sees images as open."""

from django.db import migrations, models

READING = ("reader", "adjudicator")
SEEING = ("curator", "engineer", "viewer")


def split_robot(apps, schema_editor):
    """The robot reader was an engineer too. Nobody signs in as it; a second robot plans rounds."""
    alias = schema_editor.connection.alias
    memberships = apps.get_model("annotation", "Membership").objects.using(alias)
    # A password that starts with "!" cannot be used.
    robots = memberships.filter(user__username="robot", user__password__startswith="!")  # noqa: S106
    reads_in = list(robots.filter(role="reader").values_list("project_id", flat=True))
    robots.filter(role="engineer", project_id__in=reads_in).delete()


def open_mixed_projects(apps, schema_editor):
    """The first moment at which somebody had both kinds of roles is when reads stopped being blind."""
    alias = schema_editor.connection.alias
    began = {}
    for row in apps.get_model("annotation", "Membership").objects.using(alias).iterator():
        kind = "reads" if row.role in READING else "sees"
        times = began.setdefault((row.project_id, row.user_id), {})
        times[kind] = min(times.get(kind, row.created_at), row.created_at)
    opened = {}
    for (project, _), times in began.items():
        if len(times) == 2:
            mixed = max(times.values())
            opened[project] = min(opened.get(project, mixed), mixed)
    projects = apps.get_model("annotation", "Project").objects.using(alias)
    for project, moment in opened.items():
        projects.filter(pk=project).update(opened_at=moment)


class Migration(migrations.Migration):
    dependencies = [("annotation", "0016_round_phase")]
    operations = [
        migrations.AddField(
            model_name="project",
            name="opened_at",
            field=models.DateTimeField(
                editable=False,
                help_text="Since when one person may both read and see images, so that reads are "
                "not blind. It is set once and never removed.",
                null=True,
            ),
        ),
        migrations.RunPython(split_robot, migrations.RunPython.noop),
        migrations.RunPython(open_mixed_projects, migrations.RunPython.noop),
    ]
