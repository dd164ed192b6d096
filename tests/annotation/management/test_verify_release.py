"""`verify_release` says what it proved, in words and as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from annotation.management.console import CommandRefused, UsageError
from annotation.models import Project
from annotation.selectors.releases.signing_keys import private_key_file, public_keys_file
from annotation.services.releases.exporting import export_release
from tests.support.factories import make_image, make_reference
from tests.support.releasing import freeze


@pytest.fixture
def folder(project: Project, tmp_path: Path) -> Path:
    make_reference(make_image(project))
    return export_release(release=freeze(project), folder=tmp_path / "out")


def verify(folder: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("verify_release", str(folder), *options, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_without_key_and_hash_it_says_that_only_consistency_was_checked(folder: Path) -> None:
    said = verify(folder)
    assert "Only consistency was checked" in said
    assert "does not prove where the release comes from" in said
    assert "--key FILE" in said
    facts = json.loads(verify(folder, "--json"))
    assert (facts["holds"], facts["origin"]) == (True, "not checked")


def test_with_the_key_or_the_hash_it_says_what_it_proved(folder: Path, project: Project) -> None:
    facts = json.loads(verify(folder, "--json", "--key", str(public_keys_file())))
    assert (facts["holds"], facts["origin"]) == (True, "proved")
    said = verify(folder, "--key", str(public_keys_file()))
    assert f"key {facts['signed_by']} signed it" in said
    assert "Only consistency" not in said
    sha256 = project.releases.get().manifest_sha256
    assert "it has the given hash" in verify(folder, "--sha256", sha256)


def test_another_key_or_hash_is_refused_and_json_says_why(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandRefused, match="not the release"):
        verify(folder, "--sha256", "0" * 64)
    private_key_file().unlink()
    public_keys_file().unlink()
    from annotation.services.releases.signing import sign_manifest

    sign_manifest("0" * 64)  # by the key of another server
    out = io.StringIO()
    with pytest.raises(CommandRefused):
        call_command(
            "verify_release", str(folder), "--json", "--key", str(public_keys_file()), stdout=out
        )
    facts = json.loads(out.getvalue())
    assert (facts["holds"], facts["origin"]) == (False, "refuted")
    assert "not a given key" in facts["broken"][0]


def test_a_key_that_proves_nothing_is_a_wrong_usage(folder: Path, tmp_path: Path) -> None:
    inside = folder / "key.pem"
    inside.write_bytes(public_keys_file().read_bytes())
    with pytest.raises(UsageError, match="proves nothing"):
        verify(folder, "--key", str(inside))
    wrong = tmp_path / "wrong.pem"
    for content in (private_key_file().read_bytes(), b"", b"-----BEGIN PUBLIC KEY-----\n"):
        wrong.write_bytes(content)
        with pytest.raises(UsageError, match="cannot be used"):
            verify(folder, "--key", str(wrong))
    with pytest.raises(UsageError, match="cannot be read"):
        verify(folder, "--key", str(tmp_path / "none.pem"))
    with pytest.raises(CommandError, match="not a sha256"):
        verify(folder, "--sha256", "abc")


def test_an_extra_link_is_listed_and_refused(folder: Path) -> None:
    (folder / "Images/more.png").symlink_to("/etc/hostname")
    out = io.StringIO()
    with pytest.raises(CommandRefused, match="1 not plain"):
        call_command("verify_release", str(folder), stdout=out)
    assert "not plain: Images/more.png (a link)" in out.getvalue()
