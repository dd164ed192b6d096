"""An import adds images and masks, refuses bad files with a sentence, and can be repeated."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image as Pillow

from annotation import storage
from annotation.errors import Invalid, NotFound
from annotation.models import (
    Annotation,
    AuditEvent,
    Image,
    Intake,
    Patient,
    Project,
    Reference,
    SplitEntry,
    Truth,
)
from annotation.services.intake.importing import import_folder
from annotation.services.intake.report import IntakeReport
from mlloop.pixels.images import decode_image
from mlloop.pixels.masks import decode_mask
from tests.support import intake_files as files


def run(project: Project, folder: Path, **options: object) -> IntakeReport:
    return import_folder(project=project, folder=folder, actor=None, **options)


def reasons(report: IntakeReport) -> dict[str, str]:
    return {item.file: item.reason for item in report.refused}


def test_import_when_there_is_metadata_then_all_its_facts_are_imported(
    project: Project, tmp_path: Path
) -> None:
    report = run(project, files.cohort(tmp_path / "in"), masks_as="truth")
    assert (report.added, report.n_refused, report.patients) == (9, 0, 5)
    assert report.groups == {"covid": 6, "normal": 3}
    assert report.masks == {"infection": 9, "lung": 9}
    image = Image.objects.get(file_name="images/3.png")
    assert (image.patient.key, image.group, image.view_position) == ("p1", "covid", "AP")
    assert (image.study.day, image.width, image.height, image.bits) == (1, 64, 48, 8)
    stored = decode_image(storage.read(image.pixels_key))
    assert np.array_equal(stored.pixels, files.film(3))
    assert stored.sha256 == image.pixel_sha256
    for key in (image.preview_key, image.thumbnail_key):
        assert decode_image(storage.read(key)).bits == 8
    truth = Truth.objects.get(image=image, label__key="infection")
    assert decode_mask(storage.read(truth.mask_key)).sum() == 180
    # Readers draw no lungs. Lung masks are references in both modes: networks need them to learn.
    assert not Truth.objects.exclude(label__key="infection").exists()
    assert set(Annotation.objects.values_list("label__key", flat=True)) == {"lung"}
    assert Reference.objects.count() == 9
    assert Intake.objects.get().report["added"] == 9
    assert AuditEvent.objects.get(verb="import_images").facts["added"] == 9


def test_import_when_run_again_then_nothing_changes(project: Project, tmp_path: Path) -> None:
    folder = files.cohort(tmp_path / "in")
    run(project, folder, masks_as="seed")
    before = [list(m.objects.order_by("pk").values()) for m in _TABLES]
    again = run(project, folder, masks_as="seed")
    assert (again.added, again.known, again.duplicates, again.masks.total()) == (0, 9, 0, 0)
    assert before == [list(m.objects.order_by("pk").values()) for m in _TABLES]
    assert again.has_succeeded


_TABLES = (Image, Patient, SplitEntry, Annotation, Reference, Truth)


def test_import_when_masks_come_later_then_only_they_are_added(
    project: Project, tmp_path: Path
) -> None:
    folder = files.write(tmp_path / "in", {f"{i}.png": files.png(files.film(i)) for i in range(3)})
    run(project, folder)
    masks = files.write(tmp_path / "m", {"1.png": files.mask(), "mask_2.png": files.mask()})
    report = run(project, folder, masks=masks, masks_as="truth")
    assert (report.added, report.known, report.masks) == (0, 3, {"infection": 2})
    names = Truth.objects.values_list("image__file_name", flat=True)
    assert sorted(names) == ["1.png", "2.png"]


def test_seed_masks_when_imported_then_they_are_reads_with_their_origin(
    project: Project, tmp_path: Path
) -> None:
    report = run(project, files.cohort(tmp_path / "in"), masks_as="seed")
    assert report.masks == {"infection": 6, "lung": 9}
    assert report.implied_controls == 3
    reads = Annotation.objects.filter(label__key="infection")
    assert {read.verdict for read in reads} == {"redrawn"}
    assert {read.origin for read in reads} == {"import: not stated"}
    for read in reads:
        sealed = read.image.patient.split == "sealed"
        assert read.purpose == ("sealed" if sealed else "seed")
        assert read.references.get().mask_key == read.mask_key
    assert not Truth.objects.exists()
    assert not Reference.objects.filter(image__group="normal", label__key="infection").exists()


def test_patients_when_imported_then_split_and_fold_once_with_a_ledger_row(
    project: Project, tmp_path: Path
) -> None:
    run(project, files.cohort(tmp_path / "a", covid=40, normal=20))
    ledger = {e.patient_id: (e.split, e.fold) for e in SplitEntry.objects.all()}
    assert {p.id: (p.split, p.fold) for p in Patient.objects.all()} == ledger
    sealed = Patient.objects.filter(split="sealed").count()
    assert sealed == round(0.2 * Patient.objects.count())
    run(project, files.cohort(tmp_path / "b", covid=60, normal=30))
    after = {e.patient_id: (e.split, e.fold) for e in SplitEntry.objects.all()}
    assert ledger.items() <= after.items()


def test_import_when_patients_are_unknown_then_each_image_has_a_patient_of_its_own(
    project: Project, tmp_path: Path
) -> None:
    films = {f"{i}.png": files.png(files.film(i)) for i in range(4)}
    report = run(project, files.write(tmp_path / "in", films), group="other")
    assert (report.added, report.patients) == (4, 4)
    assert set(Image.objects.values_list("group", flat=True)) == {"other"}


def _bad_files(tmp_path: Path) -> Path:
    good = files.png(files.film(1))
    return files.write(
        tmp_path / "in",
        {
            "good.png": files.png(files.film(0)),
            "short.png": good[: len(good) // 2],
            "text.png": "not a picture",
            "film.dcm": b"\0" * 128 + b"DICM" + b"\0" * 50,
            "empty.png": b"",
            "twin.png": files.png(files.film(0)),
        },
    )


def test_bad_files_when_imported_then_each_is_refused_with_its_reason(
    project: Project, tmp_path: Path
) -> None:
    report = run(project, _bad_files(tmp_path))
    assert (report.added, report.duplicates) == (1, 1)
    assert reasons(report) == {
        "short.png": "The file is damaged or cut short.",
        "text.png": "This is not a PNG, JPEG or TIFF file.",
        "film.dcm": "DICOM is not read yet; export the radiograph as PNG or TIFF.",
        "empty.png": "The file is empty.",
    }


def test_large_image_when_imported_then_refused_before_it_is_decoded(
    project: Project, tmp_path: Path, settings
) -> None:
    settings.MAX_IMAGE_PIXELS = 2000
    # Half of the file is missing. If it were decoded first, the sentence would be another.
    data = files.png(files.film(1))[:60]
    report = run(project, files.write(tmp_path / "in", {"big.png": data}))
    assert reasons(report) == {
        "big.png": "The image is 64×48, more than the 0.002 megapixels allowed."
    }
    assert not report.has_succeeded


def test_mask_of_another_size_when_imported_then_refused_and_its_image_is_imported(
    project: Project, tmp_path: Path
) -> None:
    folder = files.write(tmp_path / "in", {"a.png": files.png(files.film(0))})
    masks = files.write(tmp_path / "m", {"a.png": files.mask(size=(20, 30))})
    report = run(project, folder, masks=masks, masks_as="truth")
    assert report.added == 1
    assert reasons(report) == {
        "a.png": "The mask is 30×20, but the image is 64×48. "
        "The image a.png was imported without it."
    }


def test_metadata_lines_when_wrong_then_the_sentence_names_line_column_value_and_allowed_values(
    project: Project, tmp_path: Path
) -> None:
    files.write(tmp_path, {"secret.png": files.png(files.film(9))})
    folder = files.write(
        tmp_path / "in",
        {
            "a.png": files.png(files.film(0)),
            "metadata.csv": "image,group,view,study_offset_days,infection_mask\n"
            "a.png,covid,PA,-3,gone.png\n"
            "b.png,covid,PA,,\n"
            "a.png,flu,PA,,\n"
            "a.png,covid,oblique,,\n"
            "a.png,covid,PA,soon,\n"
            "../secret.png,covid,PA,,\n"
            f"{tmp_path}/secret.png,covid,PA,,\n",
        },
    )
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    with (folder / "metadata.csv").open("a") as out:
        out.write("link.png,covid,PA,,\n")
    report = run(project, folder, masks_as="truth")
    assert report.added == 1
    outside = "leads out of the folder."
    assert [item.reason for item in report.refused] == [
        "Line 3: The file 'b.png' is not there.",
        "Line 4: the column group says 'flu'; allowed are covid, normal, other.",
        "Line 5: the column view says 'oblique'; allowed are PA, AP, lateral or nothing.",
        "Line 6: the column study_offset_days says 'soon'; "
        "allowed is a whole number of days or nothing.",
        f"Line 7: The path '../secret.png' {outside}",
        f"Line 8: The path '{tmp_path}/secret.png' {outside}",
        f"Line 9: The path 'link.png' {outside}",
        "The file 'gone.png' is not there. The image a.png was imported without it.",
    ]


def test_kinds_of_files_when_imported_then_their_pixels_come_back(
    project: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    grey, deep = files.film(1), files.film(2, bits=16)
    colour = np.dstack([files.film(3)] * 3)
    Pillow.fromarray(grey).save(folder / "grey.tif")
    Pillow.fromarray(deep).save(folder / "deep.tif", compression="tiff_lzw")
    Pillow.fromarray(deep[::-1].copy()).save(folder / "deep.png")
    Pillow.fromarray(colour).save(folder / "colour.png")
    Pillow.fromarray(files.film(4)).save(folder / "film.jpg", quality=95)
    report = run(project, folder)
    assert (report.added, report.n_refused) == (5, 0)
    by_name = {image.file_name: image for image in Image.objects.all()}
    for name, pixels in (
        ("grey.tif", grey),
        ("deep.tif", deep),
        ("deep.png", deep[::-1]),
        ("colour.png", colour[..., 0]),
    ):
        back = decode_image(storage.read(by_name[name].pixels_key))
        assert np.array_equal(back.pixels, pixels), name
        assert by_name[name].bits == back.bits == pixels.dtype.itemsize * 8


def test_png_with_text_when_imported_then_the_text_is_not_stored(
    project: Project, tmp_path: Path
) -> None:
    from PIL.PngImagePlugin import PngInfo

    info, out = PngInfo(), io.BytesIO()
    info.add_text("Patient", "Jane Planted")
    Pillow.fromarray(files.film(1)).save(out, "PNG", pnginfo=info)
    run(project, files.write(tmp_path / "in", {"a.png": out.getvalue()}))
    image = Image.objects.get()
    for key in (image.pixels_key, image.preview_key, image.thumbnail_key):
        assert b"Jane" not in storage.read(key)


def test_near_duplicates_when_two_patients_share_a_film_then_reported(
    project: Project, tmp_path: Path
) -> None:
    changed = files.film(0).copy()
    changed[0, 0] ^= 1
    films = {f"{i}.png": files.png(files.film(i)) for i in range(5)}
    report = run(project, files.write(tmp_path / "in", {**films, "x.png": files.png(changed)}))
    assert report.added == 6
    assert report.n_near_duplicates == 1
    pair = report.near_duplicates[0]
    assert {pair.file, pair.other_file} == {"0.png", "x.png"}


def test_limit_when_given_then_whole_patients_are_drawn_the_same_each_time(
    project: Project, tmp_path: Path
) -> None:
    folder = files.cohort(tmp_path / "in", covid=20, normal=10)
    report = run(project, folder, limit=10, limit_seed=3)
    assert 8 <= report.added <= 10
    assert report.left_out == 30 - report.added
    for patient in Patient.objects.all():
        assert patient.images.count() == 2
    assert run(project, folder, limit=10, limit_seed=3).known == report.added


def test_folder_when_missing_then_not_found_names_it(project: Project, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no folder"):
        run(project, tmp_path / "nowhere")
    with pytest.raises(NotFound, match=r"There is no file .*no\.csv"):
        run(project, tmp_path, metadata=tmp_path / "no.csv")


def test_metadata_when_it_has_no_image_column_then_invalid(
    project: Project, tmp_path: Path
) -> None:
    folder = files.write(tmp_path / "in", {"metadata.csv": "picture\na.png\n"})
    with pytest.raises(Invalid, match="has no column 'image'"):
        run(project, folder)


def test_transactions_when_importing_then_few_queries_per_group(
    project: Project, tmp_path: Path
) -> None:
    few, many = files.cohort(tmp_path / "a", covid=4), files.cohort(tmp_path / "b", covid=24)
    counts = []
    for folder in (few, many):
        with CaptureQueriesContext(connection) as queries:
            run(project, folder, masks_as="truth")
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 2
