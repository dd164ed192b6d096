"""Clear away the masks that no row names any more: an erasure could not find them otherwise.

A draft leaves one at nearly every save. Only files older than a day go, so that a row which is
about to name one has all the time it needs; and only pictures: weights and documents never do.
"""

from __future__ import annotations

import time
from uuid import UUID

from annotation import storage
from annotation.selectors.upkeep.stored_keys import named_keys

LOOSE_SECONDS = 24 * 3600.0


def clear_loose_files(*, project_id: UUID) -> int:
    """Remove the project's stored pictures that no row names; return how many. Safe to repeat."""
    since = time.time() - LOOSE_SECONDS
    return sum(_clear(project_id, part, since) for part in "0123456789abcdef")


def _clear(project_id: UUID, part: str, since: float) -> int:
    """Clear a sixteenth: memory stays flat where there are a million files."""
    loose = set(storage.untouched(project_id, part=part, since=since))
    if loose:
        prefix = storage.key_of(project_id, "0" * 64).rpartition("/00/")[0]
        loose.difference_update(named_keys(f"{prefix}/{part}"))
    return sum(
        storage.remove_untouched(key, since=since) for key in sorted(loose) if storage.is_png(key)
    )
