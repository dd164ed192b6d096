"""Which stored files the rows name: every model, every column that holds a storage key."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db.models import CharField, Model

from annotation.models import Draft, LostDraft


def key_columns() -> list[tuple[type[Model], str]]:
    """Return each model's columns with keys; a new one is found by its name, none is forgotten.

    Drafts come first and lost drafts last: a mask that moves from the one to the other while
    `named_keys` runs is then seen at least once.
    """
    found = [
        (model, field.name)
        for model in apps.get_app_config("annotation").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, CharField) and field.name.rpartition("_")[2] == "key"
    ]
    return sorted(found, key=lambda one: (one[0] is LostDraft, one[0] is not Draft))


def named_keys(prefix: str) -> Iterator[str]:
    """Yield the keys with this prefix that any row names, the same one several times perhaps."""
    for model, column in key_columns():
        rows = model._default_manager.filter(**{f"{column}__startswith": prefix})
        yield from rows.values_list(column, flat=True).iterator(chunk_size=2000)
