"""A table for the cache that the web processes share where there is no Redis."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0022_candidate_features")]
    operations = [
        migrations.CreateModel(
            name="CacheEntry",
            fields=[
                ("key", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("value", models.TextField()),
                ("expires_at", models.DateTimeField(db_index=True, null=True)),
            ],
        ),
    ]
