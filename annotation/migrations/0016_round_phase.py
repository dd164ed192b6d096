"""State each round's phase, which was guessed from its figures before, and their version."""

from django.db import migrations, models

PHASES = {
    "planned": "training",
    "training": "training",
    "proposing": "proposing",
    "evaluating": "evaluating",
    "awaiting_decision": "deciding",
    "serving": "deciding",
    "superseded": "deciding",
    "refused": "deciding",
}


def state_phases(apps, schema_editor):
    rounds = apps.get_model("annotation", "Round").objects.using(schema_editor.connection.alias)
    for round in rounds.iterator(chunk_size=100):
        round.phase = PHASES.get(round.state) or phase_when_stopped(round)
        round.metrics = {"schema": 1, **round.metrics}
        round.save(update_fields=["phase", "metrics"])


def phase_when_stopped(round):
    """Say it as the code did before: by the members, and by the time that proposing took."""
    if round.members.exclude(state="done").exists():
        return "training"
    return "evaluating" if "proposing" in round.metrics.get("seconds", {}) else "proposing"


def forget_version(apps, schema_editor):
    rounds = apps.get_model("annotation", "Round").objects.using(schema_editor.connection.alias)
    for round in rounds.iterator(chunk_size=100):
        round.metrics.pop("schema", None)
        round.save(update_fields=["metrics"])


class Migration(migrations.Migration):
    dependencies = [("annotation", "0015_reopened_cases")]
    operations = [
        migrations.AddField(
            model_name="round",
            name="phase",
            field=models.CharField(
                choices=[
                    ("training", "Training"),
                    ("proposing", "Proposing"),
                    ("evaluating", "Evaluating"),
                    ("deciding", "Deciding"),
                ],
                default="training",
                help_text="The work that is done now, or that a stopped round goes on with.",
                max_length=10,
            ),
        ),
        migrations.RunPython(state_phases, forget_version),
        # From here on only texts change; the database does nothing.
        migrations.AlterField(
            model_name="planestimate",
            name="manifest",
            field=models.JSONField(help_text="What a worker is asked to time, as JSON."),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="findings",
            field=models.JSONField(
                default=dict,
                help_text="Severity as JSON; only on the infection mask of the ensemble.",
            ),
        ),
        migrations.AlterField(
            model_name="round",
            name="metrics",
            field=models.JSONField(
                default=dict, help_text="The round's figures as JSON, with their version."
            ),
        ),
        migrations.AlterField(
            model_name="round",
            name="plan",
            field=models.JSONField(help_text="The plan as JSON, with its version."),
        ),
        migrations.AlterField(
            model_name="round",
            name="progress",
            field=models.JSONField(default=dict, help_text="done, total, eta_seconds"),
        ),
    ]
