"""Create projects, and add labels to them. `members.py` gives and removes roles."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from annotation.errors import Invalid
from annotation.models import Label, LabelSchema, Project, User
from annotation.services import audit

LABELS = (("infection", "Infection"), ("lung", "Lung"))


@transaction.atomic
def create_project(
    *,
    slug: str,
    name: str,
    actor: User | None,
    folds: int = 5,
    sealed_fraction: float = 0.2,
    sealed_cap: int | None = None,
    seed_size: int = 500,
    split_seed: int = 0,
    preset: str = "cpu",
) -> Project:
    """Create a project with version 1 of its label schema. Raises Invalid with the field."""
    project = Project(
        slug=slug,
        name=name,
        folds=folds,
        sealed_fraction=sealed_fraction,
        sealed_cap=sealed_cap,
        seed_size=seed_size,
        split_seed=split_seed,
        preset=preset,
    )
    try:
        project.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(f"The project's {field} is wrong: {messages[0]}", field=field) from None
    project.save()
    schema = LabelSchema.objects.create(project=project, version=1)
    for order, (key, label_name) in enumerate(LABELS):
        Label.objects.create(schema=schema, key=key, name=label_name, order=order)
    audit.record(project=project, actor=actor, verb="create_project", target=project.id)
    return project


def require_label(*, project: Project, key: str, name: str) -> Label:
    """Return a label of the project's newest schema; a new label is added as the last one.

    The other labels do not change, so the schema keeps its version.
    """
    schema = LabelSchema.objects.filter(project=project).order_by("-version")[:1].get()
    label, _ = Label.objects.get_or_create(
        schema=schema, key=key, defaults={"name": name, "order": schema.labels.count()}
    )
    return label
