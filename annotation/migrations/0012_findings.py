"""The findings of a proposal: severity and lesions."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0011_draft_basis"),
    ]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="findings",
            field=models.JSONField(
                default=dict,
                help_text="mlloop.severity.Findings as JSON; on the infection ensemble.",
            ),
        ),
        migrations.AlterField(
            model_name="round",
            name="folds_note",
            field=models.TextField(blank=True, help_text="What of the plan was left out, and why."),
        ),
    ]
