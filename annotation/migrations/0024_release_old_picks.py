"""Take back blind picks whose masks were made by an older version, if nothing is drawn yet.

Their masks passed the grid once or twice, which tells the drawn one. Candidates are frozen, so the
image is offered anew, with masks that are made alike. A case with a draft stays with its reader.
"""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone


def release_old_picks(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Release them. Candidates of older versions have no features."""
    old = apps.get_model("annotation", "Candidate").objects.filter(features={})
    apps.get_model("annotation", "Assignment").objects.filter(
        state="open", is_blind=True, has_draft=False, pk__in=old.values("assignment")
    ).update(state="released", closed_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("annotation", "0023_shared_cache")]
    operations = [migrations.RunPython(release_old_picks, migrations.RunPython.noop)]
