"""Which reads were blind. In an open project the reader may also have seen images and rounds."""

from __future__ import annotations

from annotation.models import Annotation, Project


def was_read_blind(project: Project, annotation: Annotation | None) -> bool | None:
    """Return whether the reader of a mask knew nothing but the case; None if nobody read it here.

    True for picks and sealed reads made before the project was declared open.
    """
    if annotation is None or annotation.assignment is None:
        return None
    is_before = project.opened_at is None or annotation.created_at < project.opened_at
    return annotation.assignment.is_blind and is_before


def open_since(project: Project) -> str | None:
    """Return the moment since which the project is open, as ISO text; None if it is not open."""
    return project.opened_at.isoformat(timespec="seconds") if project.opened_at else None


def count_unblinded(project: Project) -> int:
    """Return how many picks and sealed reads were made since the project was declared open."""
    if project.opened_at is None:
        return 0
    return Annotation.objects.filter(
        project=project, assignment__is_blind=True, created_at__gte=project.opened_at
    ).count()
