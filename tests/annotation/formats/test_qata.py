"""The release folder's manifest and its verification, without a database."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from annotation.formats import archive, qata


def write_release(folder: Path) -> dict[str, bytes]:
    """Write a small release folder by hand and return its files."""
    files = {"Images/a.png": b"film", "Ground-truths/mask_a.png": b"mask", "README.md": b"card"}
    listed = [
        qata.ReleasedFile(path, hashlib.sha256(data).hexdigest(), len(data))
        for path, data in files.items()
    ]
    manifest = qata.manifest_bytes(
        project="p", version="1.0.0", asked_at="2026-01-01", masks=[], files=listed, counts={}
    )
    digest = hashlib.sha256(manifest).hexdigest()
    files |= {qata.MANIFEST: manifest, qata.CHECKSUM: f"{digest}  manifest.json\n".encode()}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return files


def test_verify_whole_release_holds(tmp_path: Path) -> None:
    write_release(tmp_path)
    found = qata.verify_folder(tmp_path)
    assert found.holds
    assert found.checked == 3


def test_verify_names_missing_changed_and_extra_files(tmp_path: Path) -> None:
    write_release(tmp_path)
    (tmp_path / "Images/a.png").unlink()
    (tmp_path / "Ground-truths/mask_a.png").write_bytes(b"masK")
    (tmp_path / "Images/b.png").write_bytes(b"stray")
    found = qata.verify_folder(tmp_path)
    assert not found.holds
    assert found.missing == ["Images/a.png"]
    assert found.changed == ["Ground-truths/mask_a.png"]
    assert found.extra == ["Images/b.png"]


def test_verify_edited_manifest_is_named(tmp_path: Path) -> None:
    write_release(tmp_path)
    document = json.loads((tmp_path / qata.MANIFEST).read_bytes())
    document["counts"]["masks"] = 99
    (tmp_path / qata.MANIFEST).write_text(json.dumps(document))
    assert qata.verify_folder(tmp_path).changed == [qata.MANIFEST]


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "a\\b"])
def test_verify_manifest_leading_outside_is_broken(tmp_path: Path, path: str) -> None:
    (tmp_path / qata.MANIFEST).write_text(json.dumps({"files": {path: {"sha256": "0"}}}))
    found = qata.verify_folder(tmp_path)
    assert not found.holds
    assert found.broken == [f"manifest.json: it names a file outside the folder: {path}"]


def test_verify_folder_without_manifest_says_so(tmp_path: Path) -> None:
    assert qata.verify_folder(tmp_path).missing == ["manifest.json"]


def test_verify_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    files = write_release(tmp_path / "release")
    outside = tmp_path / "outside.png"
    outside.write_bytes(files["Images/a.png"])
    (tmp_path / "release/Images/a.png").unlink()
    (tmp_path / "release/Images/a.png").symlink_to(outside)
    assert qata.verify_folder(tmp_path / "release").changed == ["Images/a.png"]


def test_archive_streams_the_same_bytes_twice() -> None:
    files = [("r/a.txt", lambda: b"a" * 1000), ("r/b.txt", lambda: b"b")]
    first = b"".join(archive.stream_zip(files))
    assert first == b"".join(archive.stream_zip(files))
    with zipfile.ZipFile(io.BytesIO(first)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["r/a.txt", "r/b.txt"]
        assert opened.read("r/a.txt") == b"a" * 1000
