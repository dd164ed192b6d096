"""Find the rounds of a project, and whether a new one may be planned."""

from __future__ import annotations

from django.db.models import QuerySet

from annotation.errors import NotFound
from annotation.models import OPEN_STATES, Project, Round


def round_of(project: Project, number: int) -> Round:
    """Return a round by its number; raise NotFound if there is none."""
    round = project.rounds.filter(number=number).select_related("project").first()
    if round is None:
        raise NotFound(f"There is no round {number} in this project.")
    return round


def rounds_of(project: Project) -> QuerySet[Round]:
    """Return a project's rounds, the newest first."""
    return project.rounds.order_by("-number")


def may_start(project: Project) -> bool:
    """Return whether a new round may be planned, because no round is open."""
    return not project.rounds.filter(state__in=OPEN_STATES).exists()
