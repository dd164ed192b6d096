"""Delete stored pictures that no row names: an erasure could not find them.

Nearly every save of a draft leaves such a file. A file is deleted only if two looks, hours apart,
find no row that names it, and its mark shows that nobody stored it in between. A writer stores
bytes seconds before it commits the row that names them, so the row exists long before the second
look. The process counts the hours itself: a wrong or changed clock deletes nothing early. A worker
that was killed forgets its first look and begins again. Weights and documents stay.
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
    """A file that no row names: its mark at the first look, and the clock's seconds then."""

    mark: str
    seen_at: float


class UnusedFiles:
    """The unnamed files that this process has seen; `clock` gives seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[UUID, dict[str, UnusedFile]] = {}

    def clear(self, project_id: UUID) -> int:
        """Look at a project's files once and delete the files that are due; return their number."""
        former, kept, n_deleted = self._seen.get(project_id, {}), {}, 0
        # One sixteenth of the files at a time keeps memory flat with a million files.
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
        """Return the unnamed files whose digests begin with `part`, each with its first look.

        The files are listed before the rows are read, so a row committed in between is seen.
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
    """Delete the project's pictures that this process has seen unused long enough; count them."""
    return _UNUSED_FILES.clear(project_id)


def _is_png(key: str) -> bool:
    try:
        with storage.open(key) as file:
            return file.read(len(_PNG)) == _PNG
    except NotFound:  # another worker deleted it since the walk
        return False
