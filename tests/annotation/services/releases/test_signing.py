"""Each release is signed with the server's key, which is a file and nothing else."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from django.core import serializers
from django.db import connection

from annotation.errors import Refused
from annotation.formats.signature import SIGNATURE, key_id_of, pem_of, public_keys
from annotation.formats.verification import Trust, verify_folder
from annotation.models import Project, Release
from annotation.selectors.releases.signing_keys import (
    known_public_keys,
    private_key_file,
    public_keys_file,
)
from annotation.services.releases.exporting import export_release
from annotation.services.releases.signing import sign_manifest
from tests.support.releasing import freeze


def trusted() -> Trust:
    return Trust(keys=public_keys(public_keys_file().read_bytes()))


def test_release_is_signed_with_a_key_made_at_first_use(filled: Project, tmp_path: Path) -> None:
    assert known_public_keys() == {}
    release = freeze(filled)
    folder = export_release(release=release, folder=tmp_path / "out")
    verified = verify_folder(folder, trust=trusted())
    assert (verified.holds, verified.origin) == (True, "proved")
    assert [verified.signed_by] == list(known_public_keys())
    assert stat.S_IMODE(private_key_file().stat().st_mode) == 0o600
    second = export_release(release=freeze(filled, "1.1.0"), folder=tmp_path / "second")
    assert verify_folder(second, trust=trusted()).signed_by == verified.signed_by


def test_private_key_is_in_no_release_no_stored_file_and_no_row(
    filled: Project, tmp_path: Path, data_root: Path
) -> None:
    folder = export_release(release=freeze(filled), folder=tmp_path / "out")
    secret = private_key_file().read_bytes().splitlines()[1]
    assert len(secret) > 40
    files = [*folder.rglob("*"), *data_root.rglob("*")]
    holders = [path.name for path in files if path.is_file() and secret in path.read_bytes()]
    assert holders == [private_key_file().name]
    for model in (Release, Project):
        assert secret.decode() not in serializers.serialize("json", model.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("SELECT facts FROM annotation_auditevent")
        assert secret.decode() not in str(cursor.fetchall())


def test_former_keys_stay_public_after_a_new_key(filled: Project, tmp_path: Path) -> None:
    old = export_release(release=freeze(filled), folder=tmp_path / "old")
    private_key_file().rename(tmp_path / "retired")
    new = export_release(release=freeze(filled, "1.1.0"), folder=tmp_path / "new")
    ids = [verify_folder(folder, trust=trusted()).signed_by for folder in (old, new)]
    assert len(set(ids)) == 2
    assert list(known_public_keys()) == ids
    only_new = {ids[1]: trusted().keys[str(ids[1])]}
    assert not verify_folder(old, trust=Trust(keys=only_new)).holds  # the operator dropped the key


def test_signing_twice_gives_the_same_bytes_and_lists_the_key_once() -> None:
    assert sign_manifest("0" * 64) == sign_manifest("0" * 64)
    assert public_keys_file().read_text().count("BEGIN PUBLIC KEY") == 1
    (key,) = public_keys(public_keys_file().read_bytes()).values()
    document = json.loads(sign_manifest("0" * 64))
    assert document["public_key"] == pem_of(key)
    assert document["key_id"] == key_id_of(key)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.99])
def test_damaged_public_key_hides_no_other_and_comes_back_with_the_next_release(
    kept: float, tmp_path: Path
) -> None:
    sign_manifest("0" * 64)
    former = private_key_file().rename(tmp_path / "former")
    sign_manifest("0" * 64)
    before = known_public_keys()
    first, second = before.values()
    cut = first[: int(len(first) * kept)]
    public_keys_file().write_text(f"-----BEGIN PRIVATE KEY-----\nAAAA\n{cut}{second}")
    assert list(known_public_keys().values()) == [second]
    former.rename(private_key_file())
    for _ in range(2):  # the second release adds nothing
        sign_manifest("0" * 64)
        assert known_public_keys().keys() == before.keys()
    assert public_keys_file().read_text().count(first) == 1


def test_file_without_any_public_key_shows_none() -> None:
    public_keys_file().parent.mkdir(parents=True, exist_ok=True)
    public_keys_file().write_text("no key")
    assert known_public_keys() == {}


def test_key_file_that_others_can_read_is_closed() -> None:
    sign_manifest("0" * 64)
    private_key_file().chmod(0o644)
    sign_manifest("0" * 64)
    assert stat.S_IMODE(private_key_file().stat().st_mode) == 0o600


def test_damaged_key_fails_the_release_with_what_to_do(filled: Project) -> None:
    private_key_file().parent.mkdir(parents=True, exist_ok=True)
    private_key_file().write_text("no key")
    with pytest.raises(Refused, match="Restore it from the backup"):
        sign_manifest("0" * 64)
    release = freeze(filled)
    assert release.state == Release.State.FAILED
    assert "signing key" in release.failure
    assert not release.items.filter(path=SIGNATURE).exists()
