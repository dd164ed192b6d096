"""Bytes are stored once under their hash, read back, erased to a tombstone, and stored again."""

from __future__ import annotations

from uuid import uuid4

import pytest

from annotation import storage
from annotation.errors import NotFound


def test_put_when_the_bytes_are_there_then_the_same_key_and_another_mark() -> None:
    project = uuid4()
    key = storage.put(project, b"bytes")
    (before,) = storage.walk(project, storage.digest_of(key)[:2])
    assert storage.put_over(project, b"bytes") == (key, False)
    (after,) = storage.walk(project, storage.digest_of(key)[:1])
    assert (before.key, after.key) == (key, key)
    assert before.mark != after.mark
    assert storage.put(uuid4(), b"bytes") != key


def test_erase_when_stored_again_then_the_tombstone_is_replaced_and_reported() -> None:
    project = uuid4()
    key = storage.put(project, b"bytes")
    storage.erase(key)
    assert storage.is_erased(key)
    assert storage.is_stored(key)
    with pytest.raises(NotFound, match="erased on request"):
        storage.read(key)
    assert storage.put_over(project, b"bytes") == (key, True)
    assert storage.read(key) == b"bytes"
    assert storage.size(key) == 5


def test_delete_when_the_mark_is_old_then_the_bytes_stay() -> None:
    project = uuid4()
    key = storage.put(project, b"bytes")
    (seen,) = storage.walk(project, "")
    storage.put(project, b"bytes")
    assert not storage.delete(key, mark=seen.mark)
    (seen,) = storage.walk(project, "")
    assert storage.delete(key, mark=seen.mark)
    assert not storage.is_stored(key)
    assert not storage.delete(key)
    with pytest.raises(NotFound, match="is missing"):
        storage.open(key)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "projects/x/sha256/00/00", "../../.tmp-a"])
def test_any_key_that_is_not_well_formed_is_refused(key: str) -> None:
    for use in (storage.read, storage.size, storage.erase, storage.is_erased, storage.delete):
        with pytest.raises(NotFound, match="is not a storage key"):
            use(key)
