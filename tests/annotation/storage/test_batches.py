"""No file of a batch can be read before it is settled; a discarded batch leaves no file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from annotation import storage
from annotation.errors import NotFound
from annotation.storage import disk_writing


def test_batch_when_settled_then_its_files_are_there_and_not_before(data_root: Path) -> None:
    batch = storage.Batch(uuid4())
    keys = [batch.put(data) for data in (b"one", b"two", b"one")]
    assert keys[0] == keys[2]
    with pytest.raises(NotFound):
        storage.read(keys[0])
    batch.settle()
    assert [storage.read(key) for key in keys] == [b"one", b"two", b"one"]
    assert not list(data_root.rglob(".tmp-*"))
    batch.settle()


def test_batch_when_the_system_has_no_syncfs_then_each_file_is_flushed(
    data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_writing, "_LIBC", None)
    batch = storage.Batch(uuid4())
    key = batch.put(b"bytes")
    batch.settle()
    assert storage.read(key) == b"bytes"


def test_batch_when_discarded_then_nothing_is_left(data_root: Path) -> None:
    batch = storage.Batch(uuid4())
    batch.put(b"bytes")
    batch.discard()
    batch.settle()
    assert not [path for path in data_root.rglob("*") if path.is_file()]


def test_batch_when_threads_put_the_same_bytes_then_one_file(data_root: Path) -> None:
    batch = storage.Batch(uuid4())
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: batch.put(b"same"), range(200)))
    batch.settle()
    assert len(keys) == 1
    assert len([path for path in data_root.rglob("*") if path.is_file()]) == 1
