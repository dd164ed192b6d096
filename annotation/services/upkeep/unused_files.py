"""Delete stored pictures that no row names: an erasure could not find them.

A draft leaves one at nearly every save. A file goes only if two looks, hours apart, both find it
unnamed and its mark shows that nobody stored it in between. A writer stores bytes some seconds
before it commits the row that names them, so it is done long before the second look. The hours are
counted by the process itself: a wrong or changed clock deletes nothing early, and a killed worker
forgets its first look and begins again. Weights and documents stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from annotation import storage
from annotation.errors import NotFound
from annotation.selectors.upkeep.stored_keys import named_keys

SECONDS_BETWEEN_LOOKS = 4 * 3600.0
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class UnusedFile:
    """A file that no row names: its mark at the first look, and when that was."""

    mark: str
    seen_at: float


class UnusedFiles:
    """What this process has seen unnamed; `clock` only ever goes forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[UUID, dict[str, UnusedFile]] = {}

    def clear(self, project_id: UUID) -> int:
        """Look at a project's files once; delete those due, return how many. Safe to repeat."""
        former, kept, n_deleted = self._seen.get(project_id, {}), {}, 0
        # A sixteenth at a time: memory stays flat where there are a million files.
        for part in "0123456789abcdef":
            for key, file in self._unused(project_id, part, former).items():
                if self._clock() - file.seen_at < SECONDS_BETWEEN_LOOKS:
                    kept[key] = file
                else:
                    n_deleted += storage.delete(key, mark=file.mark)
        self._seen[project_id] = kept
        return n_deleted

    def _unused(
        self, project_id: UUID, part: str, former: Mapping[str, UnusedFile]
    ) -> dict[str, UnusedFile]:
        """Return the unnamed files of one part, each with its first look at this mark.

        The rows are read after the files: a row that is committed in between is then seen.
        """
        looked_at = self._clock()
        sightings = {sighting.key: sighting for sighting in storage.walk(project_id, part)}
        if sightings:
            for key in named_keys(storage.folder_of(project_id, part)):
                sightings.pop(key, None)
        unused = {}
        for key, sighting in sightings.items():
            file = former.get(key)
            if file is not None and file.mark == sighting.mark:
                unused[key] = file
            elif sighting.is_leftover or _is_png(key):
                unused[key] = UnusedFile(sighting.mark, looked_at)
        return unused


_UNUSED_FILES = UnusedFiles()


def clear_unused_files(*, project_id: UUID) -> int:
    """Delete the project's unused pictures, as far as this process has looked long enough."""
    return _UNUSED_FILES.clear(project_id)


def _is_png(key: str) -> bool:
    try:
        with storage.open(key) as file:
            return file.read(len(_PNG)) == _PNG
    except NotFound:  # another worker deleted it since the walk
        return False
