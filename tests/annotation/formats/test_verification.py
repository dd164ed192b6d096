"""A released folder is compared with its manifest, without a database."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from annotation.formats.manifest import (
    CHECKSUM,
    MANIFEST,
    ReleasedFile,
    checksum_bytes,
    manifest_bytes,
)
from annotation.formats.registry import layout_named
from annotation.formats.released import ReleaseRecord
from annotation.formats.verification import verify_folder


def write_release(folder: Path) -> dict[str, bytes]:
    """Write a small release folder by hand and return its files."""
    files = {"Images/a.png": b"film", "Ground-truths/mask_a.png": b"mask", "README.md": b"card"}
    listed = [
        ReleasedFile(path, hashlib.sha256(data).hexdigest(), len(data))
        for path, data in files.items()
    ]
    record = ReleaseRecord(project="p", version="1.0.0", asked_at="2026-01-01", images=[])
    manifest = manifest_bytes(record, [layout_named("qata")], listed)
    digest = hashlib.sha256(manifest).hexdigest()
    files |= {MANIFEST: manifest, CHECKSUM: checksum_bytes(digest)}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return files


def test_verify_whole_release_holds(tmp_path: Path) -> None:
    write_release(tmp_path)
    verified = verify_folder(tmp_path)
    assert verified.holds
    assert verified.checked == 3


def test_verify_names_missing_changed_and_extra_files(tmp_path: Path) -> None:
    write_release(tmp_path)
    (tmp_path / "Images/a.png").unlink()
    (tmp_path / "Ground-truths/mask_a.png").write_bytes(b"masK")
    (tmp_path / "Images/b.png").write_bytes(b"stray")
    verified = verify_folder(tmp_path)
    assert not verified.holds
    assert verified.missing == ["Images/a.png"]
    assert verified.changed == ["Ground-truths/mask_a.png"]
    assert verified.extra == ["Images/b.png"]


def test_verify_edited_manifest_is_named(tmp_path: Path) -> None:
    write_release(tmp_path)
    document = json.loads((tmp_path / MANIFEST).read_bytes())
    document["counts"]["masks"] = 99
    (tmp_path / MANIFEST).write_text(json.dumps(document))
    assert verify_folder(tmp_path).changed == [MANIFEST]


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "a\\b"])
def test_verify_manifest_leading_outside_is_broken(tmp_path: Path, path: str) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"files": {path: {"sha256": "0"}}}))
    verified = verify_folder(tmp_path)
    assert not verified.holds
    assert verified.broken == [f"manifest.json: it names a file outside the folder: {path}"]


def test_verify_folder_without_manifest_says_so(tmp_path: Path) -> None:
    assert verify_folder(tmp_path).missing == ["manifest.json"]


def test_verify_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    files = write_release(tmp_path / "release")
    outside = tmp_path / "outside.png"
    outside.write_bytes(files["Images/a.png"])
    (tmp_path / "release/Images/a.png").unlink()
    (tmp_path / "release/Images/a.png").symlink_to(outside)
    assert verify_folder(tmp_path / "release").changed == ["Images/a.png"]
