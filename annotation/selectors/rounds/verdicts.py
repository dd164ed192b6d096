"""The readers' verdicts on the proposals of each round."""

from __future__ import annotations

from typing import cast

from django.db.models import Count

from annotation.models import Annotation, Project, Verdict

SHOWN_VERDICTS = (
    Verdict.PICKED,
    Verdict.CORRECTED,
    Verdict.REDRAWN,
    Verdict.NO_INFECTION,
    Verdict.EXCLUDED,
)


def verdict_history(project: Project) -> dict[int, dict[str, int]]:
    """Return the number of cases by round number and verdict. The last verdict of a case counts."""
    rows = (
        Annotation.objects.filter(
            project=project, round__isnull=False, reader__isnull=False, superseded_by=None
        )
        .values_list("round__number", "verdict")
        .annotate(n=Count("id"))
        .order_by("round__number")
    )
    history: dict[int, dict[str, int]] = {}
    for number, verdict, n in rows:
        history.setdefault(cast("int", number), {})[verdict] = n
    return history
