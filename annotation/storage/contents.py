"""Store, read, check out and erase the bytes of one key; a tombstone marks erased bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal
from uuid import UUID

from django.conf import settings

from annotation.errors import NotFound
from annotation.storage.disk import DiskStore
from annotation.storage.keys import digest_of, folder_of, key_of
from annotation.storage.store import Sighting, Store

_PROBE_BYTES = 1024**2  # more than the stored mask of a usual film
_TOMBSTONE = b"roundtruth: erased\n"
State = Literal["bytes", "tombstone", "nothing"]


def current_store() -> Store:
    """Return the store that the settings name; `DiskStore` is the only kind so far."""
    return DiskStore(Path(settings.DATA_ROOT) / "store")


def put(project_id: UUID, data: bytes) -> str:
    """Store `data` once and return its key; storing the same bytes again writes nothing.

    Bytes that were erased and are stored again replace the tombstone.
    """
    return put_over(project_id, data)[0]


def put_over(project_id: UUID, data: bytes) -> tuple[str, bool]:
    """Store like `put`; return the key, and whether a tombstone was replaced.

    If the caller's write is refused afterwards, the caller puts the tombstone back with `erase`.
    """
    store, key = current_store(), key_of(project_id, hashlib.sha256(data).hexdigest())
    former = touched_state(store, key)
    if former != "bytes":
        store.put(key, data)
    return key, former == "tombstone"


def open(key: str) -> BinaryIO:
    """Open the bytes of `key` for reading; raise NotFound if they are missing."""
    with _missing_as_not_found(key):
        return current_store().open(key)


def read(key: str) -> bytes:
    """Return the bytes of `key`; raise NotFound if they are missing or were erased."""
    with open(key) as file:
        data = file.read()
    if data == _TOMBSTONE:
        raise NotFound("These bytes were erased on request.", code="erased")
    return data


def size(key: str) -> int:
    """Return the number of bytes of `key`; raise NotFound if they are missing."""
    with _missing_as_not_found(key):
        return current_store().size(key)


def checkout(keys: Iterable[str], folder: Path) -> None:
    """Place the bytes of each key in `folder`, in a file named after the digest; raise NotFound.

    Never write to these files: they may be hard links to the stored files.
    """
    store = current_store()
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        with _missing_as_not_found(key):
            store.checkout(key, folder / digest_of(key))


def erase(key: str) -> None:
    """Replace the bytes by a tombstone. The key stays known; the bytes are destroyed."""
    current_store().overwrite(key, _TOMBSTONE)


def is_erased(key: str) -> bool:
    """Say whether the bytes were erased, so that the key has a tombstone."""
    return _state(current_store(), key) == "tombstone"


def is_stored(key: str) -> bool:
    """Say whether the key has bytes or a tombstone."""
    return _state(current_store(), key) != "nothing"


def delete(key: str, *, mark: str | None = None) -> bool:
    """Delete the bytes, unless they were stored again since `walk` saw them with this mark.

    Returns whether they were deleted.
    """
    return current_store().delete(key, mark)


def probe() -> None:
    """Find out whether a save would succeed now. Raises OSError if it would not."""
    current_store().probe(_PROBE_BYTES)


def walk(project_id: UUID, part: str) -> Iterator[Sighting]:
    """Yield the project's stored files whose digest begins with `part`, at most two digits."""
    return current_store().walk(folder_of(project_id, part))


def touched_state(store: Store, key: str) -> State:
    """Touch the file, so that it is not deleted before a row names it; return the key's state."""
    try:
        store.touch(key)
    except FileNotFoundError:
        return "nothing"
    return _state(store, key)


def _state(store: Store, key: str) -> State:
    """Return the state of a key. The size alone decides for most files."""
    try:
        if store.size(key) != len(_TOMBSTONE):
            return "bytes"
        with store.open(key) as file:
            return "tombstone" if file.read() == _TOMBSTONE else "bytes"
    except FileNotFoundError:
        return "nothing"


@contextmanager
def _missing_as_not_found(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"The stored file {key} is missing.", code="missing_bytes") from None
