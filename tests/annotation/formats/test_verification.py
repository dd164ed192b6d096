"""A released folder is compared with its manifest, without a database."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from annotation.formats.manifest import (
    CHECKSUM,
    MANIFEST,
    ReleasedFile,
    checksum_bytes,
    manifest_bytes,
)
from annotation.formats.plain_files import hash_plain
from annotation.formats.registry import layout_named
from annotation.formats.released import ReleaseRecord
from annotation.formats.signature import SIGNATURE, key_id_of, signature_bytes
from annotation.formats.verification import Trust, verify_folder


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (folder := tmp_path / "folder").mkdir()
    return folder


def test_verify_whole_release_holds(folder: Path) -> None:
    write_release(folder)
    verified = verify_folder(folder)
    assert verified.holds
    assert verified.checked == 3


def test_verify_names_missing_changed_and_extra_files(folder: Path) -> None:
    write_release(folder)
    (folder / "Images/a.png").unlink()
    (folder / "Ground-truths/mask_a.png").write_bytes(b"masK")
    (folder / "Images/b.png").write_bytes(b"stray")
    verified = verify_folder(folder)
    assert not verified.holds
    assert verified.missing == ["Images/a.png"]
    assert verified.changed == ["Ground-truths/mask_a.png"]
    assert verified.extra == ["Images/b.png"]


def test_verify_edited_manifest_is_named(folder: Path) -> None:
    write_release(folder)
    document = json.loads((folder / MANIFEST).read_bytes())
    document["counts"]["masks"] = 99
    (folder / MANIFEST).write_text(json.dumps(document))
    assert verify_folder(folder).changed == [MANIFEST]


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "a\\b"])
def test_verify_manifest_leading_outside_is_broken(folder: Path, path: str) -> None:
    (folder / MANIFEST).write_text(json.dumps({"files": {path: {"sha256": "0"}}}))
    verified = verify_folder(folder)
    assert not verified.holds
    assert verified.broken == [f"manifest.json: it names a file outside the folder: {path}"]


def test_verify_folder_without_manifest_says_so(folder: Path) -> None:
    assert verify_folder(folder).missing == ["manifest.json"]


def test_verify_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    files = write_release(tmp_path / "release")
    outside = tmp_path / "outside.png"
    outside.write_bytes(files["Images/a.png"])
    (tmp_path / "release/Images/a.png").unlink()
    (tmp_path / "release/Images/a.png").symlink_to(outside)
    verified = verify_folder(tmp_path / "release")
    assert not verified.holds
    assert verified.not_plain == ["Images/a.png (a link)"]


def test_verify_refuses_a_linked_folder_although_every_file_in_it_matches(tmp_path: Path) -> None:
    write_release(tmp_path / "release")
    (tmp_path / "release/Images").rename(tmp_path / "elsewhere")
    (tmp_path / "release/Images").symlink_to(tmp_path / "elsewhere")
    verified = verify_folder(tmp_path / "release")
    assert not verified.holds
    assert verified.not_plain == ["Images (a link)"]
    assert verified.missing == ["Images/a.png"]


@pytest.mark.parametrize("name", [MANIFEST, CHECKSUM, SIGNATURE])
def test_verify_refuses_a_linked_manifest_checksum_or_signature(tmp_path: Path, name: str) -> None:
    write_release(tmp_path / "release")
    sign_release(tmp_path / "release")
    (tmp_path / "release" / name).rename(tmp_path / name)
    (tmp_path / "release" / name).symlink_to(tmp_path / name)
    verified = verify_folder(tmp_path / "release")
    assert not verified.holds
    assert verified.not_plain == [f"{name} (a link)"]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", ["Images/a.png", "Images/stray", MANIFEST, CHECKSUM, SIGNATURE])
def test_verify_refuses_a_pipe_and_does_not_wait_for_it(folder: Path, name: str) -> None:
    write_release(folder)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    verified = verify_folder(folder)
    assert not verified.holds
    assert verified.not_plain == [f"{name} (a pipe)"]


def test_hash_plain_refuses_a_pipe_that_took_the_place_of_a_listed_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "late")
    with pytest.raises(OSError, match="not a plain file"):
        hash_plain(tmp_path / "late")
    (tmp_path / "link").symlink_to(__file__)
    with pytest.raises(OSError, match="symbolic link"):
        hash_plain(tmp_path / "link")


def test_verify_names_an_extra_folder_even_if_it_is_empty(folder: Path) -> None:
    write_release(folder)
    (folder / "Images/more/deep").mkdir(parents=True)
    (folder / "Images/more/hidden.png").write_bytes(b"x")
    verified = verify_folder(folder)
    assert not verified.holds
    assert verified.extra == ["Images/more/", "Images/more/deep/", "Images/more/hidden.png"]


@pytest.mark.parametrize("path", ["./a", "a//b", "", ".", "a/", MANIFEST, SIGNATURE])
def test_verify_manifest_with_an_unusual_path_is_broken(folder: Path, path: str) -> None:
    (folder / MANIFEST).write_text(json.dumps({"files": {path: {"sha256": "0"}}}))
    (broken,) = verify_folder(folder).broken
    assert "unusual way" in broken


@pytest.mark.parametrize(
    "text",
    [
        '{"files": {"a": {"sha256": "0"}, "a": {"sha256": "1"}}}',
        "[" * 100_000,
        '{"files": 1' + "0" * 5000 + "}",
        "{}",
        "\ud800",
        "null",
    ],
)
def test_verify_manifest_that_is_no_manifest_is_broken(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text, "utf-8", "surrogatepass")
    assert verify_folder(folder).broken == ["manifest.json: it is not a Roundtruth manifest"]


def test_verify_shows_odd_names_without_control_characters(folder: Path) -> None:
    write_release(folder)
    (folder / "\x1b[2J\udcff").write_bytes(b"x")
    (extra,) = verify_folder(folder).extra
    assert extra.isprintable()
    assert "2J" in extra


def test_verify_checksum_that_is_no_text_is_a_changed_manifest(folder: Path) -> None:
    write_release(folder)
    (folder / CHECKSUM).write_bytes(b"\xff\xfe")
    assert verify_folder(folder).changed == [MANIFEST]


def test_verify_old_release_without_signature_holds_for_consistency_only(folder: Path) -> None:
    write_release(folder)
    verified = verify_folder(folder)
    assert (verified.holds, verified.origin, verified.signed_by) == (True, "not checked", None)
    with_key = verify_folder(folder, trust=trusting(Ed25519PrivateKey.generate()))
    assert not with_key.holds
    assert with_key.origin == "refuted"


def test_verify_with_the_key_or_the_hash_proves_the_origin(folder: Path) -> None:
    write_release(folder)
    key = sign_release(folder)
    sha256 = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    for trust in (trusting(key), Trust(manifest_sha256=sha256.upper())):
        verified = verify_folder(folder, trust=trust)
        assert verified.holds
        assert verified.origin == "proved"
    assert verify_folder(folder).origin == "not checked"


def test_verify_swap_with_a_recomputed_manifest_passes_only_without_key_and_hash(
    folder: Path,
) -> None:
    """Whoever swaps a mask can write a new manifest and sign it with a key of their own."""
    write_release(folder)
    key = sign_release(folder)
    original = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    swap_a_mask(folder)
    unsigned = verify_folder(folder)
    assert unsigned.broken == ["signature.json: it was not made for this manifest."]
    sign_release(folder)  # by a key of their own
    assert verify_folder(folder).holds
    for trust in (trusting(key), Trust(manifest_sha256=original)):
        swapped = verify_folder(folder, trust=trust)
        assert not swapped.holds
        assert swapped.origin == "refuted"
    (folder / SIGNATURE).unlink()
    assert not verify_folder(folder, trust=trusting(key)).holds


def test_verify_takes_a_signature_of_nothing_else(folder: Path) -> None:
    """A signature of the bare hash, by the right key, is no signature of a release."""
    write_release(folder)
    key = sign_release(folder)
    document = json.loads((folder / SIGNATURE).read_bytes())
    bare = key.sign(document["manifest_sha256"].encode())
    document["signature"] = base64.b64encode(bare).decode()
    (folder / SIGNATURE).write_text(json.dumps(document))
    assert not verify_folder(folder, trust=trusting(key)).holds


@pytest.mark.parametrize("text", ["", "{}", "[]", "\xff", '{"public_key": 1}', "[" * 100_000])
def test_verify_damaged_signature_is_broken(folder: Path, text: str) -> None:
    write_release(folder)
    (folder / SIGNATURE).write_text(text)
    assert verify_folder(folder).broken == ["signature.json: it is not a signature of Roundtruth."]


def sign_release(folder: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    (folder / SIGNATURE).write_bytes(signature_bytes(key, digest))
    return key


def swap_a_mask(folder: Path) -> None:
    """Change a mask, and make manifest and checksum fit it again."""
    (folder / "Ground-truths/mask_a.png").write_bytes(b"swapped")
    document = json.loads((folder / MANIFEST).read_bytes())
    listed = document["files"]["Ground-truths/mask_a.png"]
    listed["sha256"] = hashlib.sha256(b"swapped").hexdigest()
    manifest = json.dumps(document).encode()
    (folder / MANIFEST).write_bytes(manifest)
    (folder / CHECKSUM).write_bytes(checksum_bytes(hashlib.sha256(manifest).hexdigest()))


def trusting(*keys: Ed25519PrivateKey) -> Trust:
    return Trust(keys={key_id_of(key.public_key()): key.public_key() for key in keys})
