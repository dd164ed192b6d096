"""Find a project's labels, in the newest version of its schema."""

from __future__ import annotations

from django.db.models import QuerySet

from annotation.errors import NotFound
from annotation.models import Label, Project

READING_LABEL = "infection"


def labels_of(project: Project) -> QuerySet[Label]:
    """Return the labels of the project's newest schema."""
    newest = project.label_schemas.order_by("-version").values("id")[:1]
    return Label.objects.filter(schema_id__in=newest)


def label_of(project: Project, key: str) -> Label:
    """Return one label by key; raise NotFound, which names the known keys."""
    for label in (labels := list(labels_of(project))):
        if label.key == key:
            return label
    known = ", ".join(label.key for label in labels)
    raise NotFound(f"There is no label {key!r} in this project; it has {known}.")
