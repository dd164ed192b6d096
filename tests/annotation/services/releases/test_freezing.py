"""A release is frozen once and keeps its bytes, also if its worker was killed and it ran again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotation import storage
from annotation.errors import Conflict, Invalid, NotFound, Refused
from annotation.formats.manifest import CHECKSUM, MANIFEST
from annotation.formats.signature import SIGNATURE
from annotation.formats.verification import verify_folder
from annotation.models import Project, Release, ReleaseItem
from annotation.services import claims
from annotation.services.releases.exporting import download_release, export_release
from annotation.services.releases.freezing import DUE, run_release
from annotation.services.releases.requesting import request_release, retry_release
from mlloop.pixels.masks import decode_mask
from tests.support.factories import (
    disc,
    make_image,
    make_reference,
)
from tests.support.releasing import freeze


def test_release_holds_references_and_controls_and_no_excluded_image(
    filled: Project, tmp_path: Path
) -> None:
    release = freeze(filled)
    folder = export_release(release=release, folder=tmp_path / "out")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    assert verify_folder(folder).holds
    assert manifest["counts"]["masks"] == 4
    assert manifest["counts"]["verdict.redrawn"] == 3
    assert manifest["counts"]["verdict.control"] == 1
    assert len(list((folder / "Images").iterdir())) == 4
    for mask in manifest["masks"]:
        pixels = decode_mask((folder / mask["mask"]).read_bytes())
        assert pixels.shape == (mask["height"], mask["width"])
        assert int(pixels.sum()) == mask["infected_pixels"]
        wanted = 0 if mask["verdict"] == "control" else int(disc().sum())
        assert mask["infected_pixels"] == wanted


def test_release_names_no_source_file_patient_or_account(filled: Project, tmp_path: Path) -> None:
    folder = export_release(release=freeze(filled), folder=tmp_path / "out")
    text = (folder / MANIFEST).read_text() + (folder / "README.md").read_text()
    assert "secret-name" not in text
    assert '"reader": "reader"' not in text
    for patient in filled.patients.all():
        assert patient.key not in text
        assert str(patient.id) not in text
    for image in filled.images.all():
        assert image.id.hex[:12] not in text


def test_release_requested_twice_has_the_same_bytes(filled: Project, tmp_path: Path) -> None:
    first = freeze(filled)
    streamed = b"".join(download_release(release=first, part="open", actor=None))
    make_reference(make_image(filled, seed=50))
    again = freeze(filled)
    assert again.pk == first.pk
    assert again.manifest_sha256 == first.manifest_sha256
    assert b"".join(download_release(release=again, part="open", actor=None)) == streamed


def test_run_release_twice_changes_nothing(filled: Project) -> None:
    release = freeze(filled)
    items = set(ReleaseItem.objects.values_list("id", "sha256"))
    run_release(release_id=release.id)
    assert set(ReleaseItem.objects.values_list("id", "sha256")) == items


def test_release_killed_and_run_again_has_the_same_manifest(filled: Project) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, total: int) -> None:
        raise Killed

    release = request_release(project=filled, version="1.0.0", actor=None)
    with pytest.raises(Killed):
        run_release(release_id=release.id, progress=kill)
    left = set(ReleaseItem.objects.values_list("id", flat=True))
    assert left  # the killed run had listed the files that it had stored
    Release.objects.filter(pk=release.pk).update(claim_token=None)
    make_reference(make_image(filled, seed=60))  # read after the release was requested
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert not ReleaseItem.objects.filter(id__in=left).exists()
    listed = json.loads(storage.read(release.manifest_key))["files"]
    paths = set(release.items.values_list("path", flat=True))
    assert paths == {*listed, MANIFEST, CHECKSUM, SIGNATURE}
    whole = freeze(filled, "1.1.0")
    assert release.state == Release.State.FROZEN
    assert release.n_masks == 4
    assert whole.n_masks == 5


def test_release_held_by_another_worker_is_left_alone(filled: Project) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    assert claims.take(model=Release, pk=release.pk, due=DUE)
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert release.state == Release.State.DUE


def test_release_with_missing_bytes_fails_with_the_reason(filled: Project) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    image = filled.images.filter(references__verdict="redrawn").first()
    assert image is not None
    storage.delete(image.pixels_key)
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert release.state == Release.State.FAILED
    assert "is missing" in release.failure


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "../1.0.0", ""])
def test_release_wrong_version_is_refused(filled: Project, version: str) -> None:
    with pytest.raises(Invalid, match=r"write X\.Y\.Z"):
        request_release(project=filled, version=version, actor=None)


def test_release_of_nothing_is_refused(project: Project) -> None:
    with pytest.raises(Refused, match="nothing to release"):
        request_release(project=project, version="1.0.0", actor=None)


def test_export_unfrozen_or_into_a_full_folder_is_refused(filled: Project, tmp_path: Path) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    with pytest.raises(NotFound, match="being made"):
        export_release(release=release, folder=tmp_path / "out")
    run_release(release_id=release.id)
    release.refresh_from_db()
    (tmp_path / "stray").write_text("mine")
    with pytest.raises(Invalid, match="is not empty"):
        export_release(release=release, folder=tmp_path)
    assert (tmp_path / "stray").read_text() == "mine"


def test_retry_of_a_frozen_release_is_a_conflict(filled: Project) -> None:
    with pytest.raises(Conflict, match="only a failed release"):
        retry_release(release=freeze(filled), actor=None)
