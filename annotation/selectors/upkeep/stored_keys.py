"""List the stored files that rows name, from every model and column that holds a storage key."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db.models import CharField, Model

from annotation.models import Draft, LostDraft


def key_columns() -> list[tuple[type[Model], str]]:
    """Return each (model, column) that holds keys: the name of such a column ends in `key`.

    Drafts come first and lost drafts last. `named_keys` therefore sees a mask that moves from a
    draft to a lost draft while it runs.
    """
    columns = [
        (model, field.name)
        for model in apps.get_app_config("annotation").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, CharField) and field.name.rpartition("_")[2] == "key"
    ]
    return sorted(columns, key=lambda pair: (pair[0] is LostDraft, pair[0] is not Draft))


def named_keys(prefix: str) -> Iterator[str]:
    """Yield the keys with this prefix that any row names; a key may be repeated."""
    for model, column in key_columns():
        rows = model._default_manager.filter(**{f"{column}__startswith": prefix})
        yield from rows.values_list(column, flat=True).iterator(chunk_size=2000)
