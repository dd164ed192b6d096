"""Only the server's account can read what the server writes; a release goes out as a copy does."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile

from annotation import storage
from annotation.models import Project, User
from annotation.services.intake.staging import UploadForm, source_of_upload, stage_upload
from annotation.services.releases.exporting import export_release
from annotation.storage import Batch, Checkout
from tests.support import factories, intake_files
from tests.support.releasing import freeze

ROOT = Path(__file__).resolve().parents[3]
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def modes(folder: Path) -> dict[str, int]:
    """Return the mode bits of every file and folder by their names."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_files_when_stored_staged_or_checked_out_then_only_their_owner_may_read_them(
    project: Project, member: Callable[..., User], data_root: Path
) -> None:
    key = storage.put(project.id, b"stored alone")
    batch = Batch(project.id)
    batch.put(b"stored together")
    batch.settle()
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("inside/film.png", intake_files.png(intake_files.film(1)))
    upload = UploadForm(
        images=(SimpleUploadedFile("a.png", b"x"),),
        archive=SimpleUploadedFile("b.zip", archive.getvalue()),
    )
    source_of_upload(stage_upload(project=project, actor=member("curator"), form=upload))
    checkout = Checkout(data_root / "work")
    checkout.path_of(key)
    with checkout:
        found = modes(data_root)
    assert {"a.png", "film.png", storage.digest_of(key), "work", "store", "staging"} <= set(found)
    assert {name: oct(mode) for name, mode in found.items() if mode & OTHERS} == {}


def test_process_when_started_with_an_open_umask_then_what_it_writes_is_private(
    tmp_path: Path,
) -> None:
    code = (
        "import annotation.config.settings, os, pathlib, subprocess\n"
        f"pathlib.Path({str(tmp_path)!r}, 'own').write_text('x')\n"
        f"subprocess.run(['touch', {str(tmp_path / 'touched')!r}], check=True)\n"
    )
    environment = {**os.environ, "ROUNDTRUTH_VAR": str(tmp_path / "var")}
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=ROOT, env=environment, umask=0o022, check=True)
    found = modes(tmp_path)
    assert {"own", "touched", "var", "secret_key"} <= set(found)
    assert [name for name, mode in found.items() if mode & OTHERS] == []


@pytest.mark.parametrize(
    ("umask", "folder", "file"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600)]
)
def test_release_when_copied_out_then_it_has_the_modes_of_the_operators_own_copy(
    *, filled: Project, tmp_path: Path, settings: LazySettings, umask: int, folder: int, file: int
) -> None:
    settings.OPERATOR_UMASK = umask
    out = export_release(release=freeze(filled), folder=tmp_path / "out")
    found = {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_file()}
    assert found == {file}
    folders = [out, *(path for path in out.rglob("*") if path.is_dir())]
    assert len(folders) > 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {folder}


@pytest.fixture
def filled(project: Project, member: Callable[..., User]) -> Project:
    factories.make_reference(factories.make_image(project), reader=member("reader"))
    return project
