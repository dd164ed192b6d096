"""Store the features of each blind mask's shape. Candidates of older versions have none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0021_audit_chain_unique")]
    operations = [
        migrations.AddField(
            model_name="candidate",
            name="features",
            field=models.JSONField(
                default=dict,
                help_text="Features of a blind mask's shape by name; no reader gets them.",
            ),
        ),
    ]
