"""The label that a request about a case names."""

from __future__ import annotations

from annotation.errors import Invalid
from annotation.models import Assignment, Label
from annotation.selectors.labels import READING_LABEL, label_of


def reading_label(assignment: Assignment, key: str) -> Label:
    """Return the label with this key; raise Invalid for a label that readers do not draw."""
    label = label_of(assignment.project, key)
    if label.key != READING_LABEL:
        raise Invalid(f"This case is read for {READING_LABEL}, not {label.key}.", field="label")
    return label
