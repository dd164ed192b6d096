"""An upload is staged, claimed once, and unpacked within limits; each refusal has its sentence."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from annotation.errors import Invalid
from annotation.models import Image, Intake, Project, Reference
from annotation.services.intake.archive import unpack
from annotation.services.intake.staging import UploadForm, stage_upload
from annotation.services.intake.uploads import due_intakes, run_intake
from tests.support import intake_files as files


def upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def stage(project: Project, actor, **form: object) -> Intake:
    return stage_upload(project=project, actor=actor, form=UploadForm(**form))


def test_upload_when_a_worker_runs_it_then_images_and_masks_are_imported_and_its_folder_is_gone(
    project: Project, member
) -> None:
    intake = stage(
        project,
        member("curator"),
        images=(upload("a.png", files.png(files.film(0))), upload("b.png", b"no")),
        masks=(upload("mask_a.png", files.mask()),),
    )
    assert Path(intake.folder).is_dir()
    assert due_intakes() == [intake.id]
    report = run_intake(intake_id=intake.id)
    assert report is not None
    assert (report.added, report.masks) == (1, {"infection": 1})
    assert Reference.objects.get().image.file_name == "a.png"
    intake.refresh_from_db()
    assert (intake.state, intake.done, intake.total) == ("done", 2, 2)
    assert intake.report["refused"][0]["reason"] == "This is not a PNG, JPEG or TIFF file."
    assert not Path(intake.folder).exists()
    assert due_intakes() == []
    assert run_intake(intake_id=intake.id) is None
    assert Image.objects.count() == 1


def test_upload_when_another_worker_holds_it_then_left_alone(project: Project, member) -> None:
    intake = stage(project, member("curator"), images=(upload("a.png", b"x"),))
    Intake.objects.update(
        state="running", claim_token=intake.id, claimed_by="elsewhere", heartbeat_at=timezone.now()
    )
    assert run_intake(intake_id=intake.id) is None
    assert not Image.objects.exists()


def test_upload_when_its_worker_died_then_the_next_finishes_it(project: Project, member) -> None:
    data = files.zipped({f"top/{i}.png": files.png(files.film(i)) for i in range(3)})
    intake = stage(project, member("curator"), archive=upload("films.zip", data))
    Intake.objects.update(
        state="running",
        claim_token=intake.id,
        claimed_by="elsewhere",
        heartbeat_at=timezone.now() - timezone.timedelta(minutes=5),
    )
    report = run_intake(intake_id=intake.id)
    assert report is not None
    assert report.added == 3


def test_zip_when_it_holds_a_folder_with_metadata_then_it_is_used(
    project: Project, member, tmp_path: Path
) -> None:
    folder = files.cohort(tmp_path / "in")
    content = {
        f"study/{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    intake = stage(project, member("curator"), archive=upload("x.zip", files.zipped(content)))
    report = run_intake(intake_id=intake.id)
    assert report is not None
    assert (report.added, report.patients, report.n_refused) == (9, 5, 0)


def test_zip_when_it_leads_out_then_the_upload_fails_with_the_sentence(
    project: Project, member
) -> None:
    data = files.zipped({"../../evil.png": b"x"})
    intake = stage(project, member("curator"), archive=upload("x.zip", data))
    assert run_intake(intake_id=intake.id) is None
    intake.refresh_from_db()
    assert intake.state == "failed"
    assert "'../../evil.png' leads out of the folder" in intake.failure
    assert due_intakes() == []


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:evil", "a\nb", "x" * 500]
)
def test_unpack_when_a_name_is_not_plain_then_refused_and_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    archive = tmp_path / "x.zip"
    archive.write_bytes(files.zipped({"good.png": b"1", name: b"2"}))
    with pytest.raises(Invalid, match="The zip file was refused: "):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.parent.glob("evil"))


def _special(tmp_path: Path, kind: int) -> Path:
    entry = zipfile.ZipInfo("a.png")
    entry.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    return tmp_path / "x.zip"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_unpack_when_an_entry_is_a_link_or_device_then_refused(tmp_path: Path, kind: int) -> None:
    with pytest.raises(Invalid, match="is a link or a device"):
        unpack(_special(tmp_path, kind), tmp_path / "out")


def test_unpack_when_there_are_too_many_entries_then_refused(tmp_path: Path, settings) -> None:
    settings.MAX_UPLOAD_FILES = 2
    archive = tmp_path / "x.zip"
    archive.write_bytes(files.zipped({str(i): b"" for i in range(3)}))
    with pytest.raises(Invalid, match="it has 3 files, more than the 2 allowed"):
        unpack(archive, tmp_path / "out")


def test_unpack_when_it_grows_beyond_the_cap_then_refused(tmp_path: Path, settings) -> None:
    settings.MAX_UPLOAD_BYTES = 2 * 1024**2
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("bomb.png", bytes(3 * 1024**2))
    with pytest.raises(Invalid, match="unpacked it has 3 MB, more than the 2 MB allowed"):
        unpack(archive, tmp_path / "out")


def test_unpack_when_an_entry_lies_about_its_size_then_refused(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("bomb.png", bytes(100_000))
    data = archive.read_bytes()
    archive.write_bytes(data.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(Invalid, match="The zip file was refused"):
        unpack(archive, tmp_path / "out")


def test_unpack_when_it_is_no_zip_then_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK no")
    with pytest.raises(Invalid, match="it is damaged, or it is not a zip file"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "Choose at least one image or a zip file."),
        ({"images": (upload("a.png", b"x"),), "group": "flu"}, "There is no group 'flu'"),
        ({"images": (upload("a.png", b"x"),), "masks_as": "truth"}, "can only become seed reads"),
    ],
)
def test_stage_when_the_form_is_wrong_then_invalid(
    project: Project, member, form, sentence
) -> None:
    with pytest.raises(Invalid, match=sentence):
        stage(project, member("curator"), **form)
    assert not Intake.objects.exists()


def test_stage_when_names_are_hostile_then_files_stay_inside(
    project: Project, member, settings
) -> None:
    hostile = [upload("x", b"1") for _ in range(3)]
    for sent, name in zip(hostile, ("../../a.png", "..\\b.png", ".hidden"), strict=True):
        sent._name = name
    intake = stage(project, member("curator"), images=(*hostile, upload("a.png", b"2")))
    inside = sorted(p.name for p in (Path(intake.folder) / "files").iterdir())
    assert inside == ["a (2).png", "a.png", "b.png", "hidden"]
    assert {p for p in settings.DATA_ROOT.rglob("*") if p.is_file()} == {
        p for p in Path(intake.folder).rglob("*") if p.is_file()
    }
