"""A checkout holds stored files under their digests inside its block, by hard link if possible."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from uuid import uuid4

import pytest

from annotation import storage
from annotation.errors import NotFound


def test_checkout_when_in_its_block_then_each_file_is_at_its_path_and_gone_after_it(
    tmp_path: Path,
) -> None:
    project = uuid4()
    keys = {data: storage.put(project, data) for data in (b"one", b"two")}
    files = storage.Checkout(tmp_path / "work" / "stored")
    paths = {data: Path(files.path_of(key)) for data, key in keys.items()}
    with files:
        assert {data: path.read_bytes() for data, path in paths.items()} == {
            data: data for data in keys
        }
        assert all(path.stat().st_nlink == 2 for path in paths.values())
    assert not (tmp_path / "work" / "stored").exists()
    assert storage.read(keys[b"one"]) == b"one"


def test_checkout_when_a_killed_run_left_files_then_only_the_wanted_files_are_there(
    tmp_path: Path,
) -> None:
    key = storage.put(uuid4(), b"wanted")
    (tmp_path / "stored").mkdir()
    (tmp_path / "stored" / "left").write_bytes(b"of the run that was killed")
    files = storage.Checkout(tmp_path / "stored")
    path = Path(files.path_of(key))
    with files:
        assert [path] == list((tmp_path / "stored").iterdir())


def test_checkout_when_the_file_system_has_no_links_then_files_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = storage.put(uuid4(), b"bytes")

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "other file system")

    monkeypatch.setattr(os, "link", refuse)
    storage.checkout([key], tmp_path / "stored")
    copied = tmp_path / "stored" / storage.digest_of(key)
    assert copied.read_bytes() == b"bytes"
    assert copied.stat().st_nlink == 1


def test_checkout_when_bytes_are_missing_then_the_key_is_named(tmp_path: Path) -> None:
    key = storage.key_of(uuid4(), "0" * 64)
    with pytest.raises(NotFound, match=f"{key} is missing"):
        storage.checkout([key], tmp_path / "stored")


def test_checkout_when_one_file_is_missing_then_no_other_stays_in_its_folder(
    tmp_path: Path,
) -> None:
    project = uuid4()
    files = storage.Checkout(tmp_path / "stored")
    files.path_of(storage.put(project, b"a film"))
    files.path_of(storage.key_of(project, "f" * 64))
    with pytest.raises(NotFound), files:
        pass
    assert not (tmp_path / "stored").exists()


def test_checkout_when_bytes_are_erased_meanwhile_then_they_are_gone_from_it(
    tmp_path: Path,
) -> None:
    key = storage.put(uuid4(), b"a film")
    storage.checkout([key], tmp_path / "stored")
    storage.erase(key)
    assert storage.is_erased(key)
    assert b"film" not in (tmp_path / "stored" / storage.digest_of(key)).read_bytes()
