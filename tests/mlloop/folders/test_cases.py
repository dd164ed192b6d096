"""Plain folders: which files are taken, which are refused and in which fold their patients are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.contract.presets import preset
from mlloop.folders.cases import FolderCase, assign_folds, read_folder
from mlloop.folders.files import Folders
from mlloop.folders.run import begin_run, read_run
from mlloop.pixels.images import encode_pixels
from mlloop.pixels.masks import encode_mask


def write(folder: Path, lines: str, *, images: str = "a b c", masks: str = "a b") -> Folders:
    """Write 20x24 films and masks by name, and the metadata."""
    for name in ("films", "masks"):
        (folder / name).mkdir(exist_ok=True)
    mask = np.zeros((20, 24), np.bool_)
    mask[5:9, 5:9] = True
    for name in images.split():
        pixels = np.full((20, 24), sum(name.encode()), np.uint8)
        (folder / "films" / f"{name}.png").write_bytes(encode_pixels(pixels))
    for name in masks.split():
        (folder / "masks" / f"{name}.png").write_bytes(encode_mask(mask))
    (folder / "metadata.csv").write_text(lines)
    return Folders(folder / "films", folder / "metadata.csv", folder / "masks")


def test_read_folder_when_masks_lie_beside_then_takes_them_and_the_controls(tmp_path: Path) -> None:
    lines = "image,patient_id,group\na.png,p,covid\nb.png,p,covid\nc.png,,normal\n"
    a, b, c = read_folder(write(tmp_path, lines))
    assert a.case.mask_path is not None
    assert a.is_positive
    assert a.case.patient == b.case.patient != c.case.patient
    assert (c.case.mask_path, c.is_positive, c.is_known) == (None, False, True)
    assert (a.case.height, a.case.width) == (20, 24)


def test_read_folder_when_nobody_marked_infection_then_leaves_the_image_out(tmp_path: Path) -> None:
    lines = "image,group\na.png,covid\nc.png,covid\nmissing.png,other\n"
    folders = write(tmp_path, lines)
    assert [entry.case.image for entry in read_folder(folders)] == ["a"]
    with pytest.raises(LearningError, match=r"Line 4: the image 'missing.png' is not in"):
        read_folder(folders, only_known=False)


def test_read_folder_when_paths_start_at_the_metadata_then_finds_them(tmp_path: Path) -> None:
    lines = "image,group,infection_mask\nfilms/a.png,covid,masks/b.png\n"
    (entry,) = read_folder(write(tmp_path, lines))
    assert Path(entry.case.image_path).name == "a.png"
    assert Path(str(entry.case.mask_path)).name == "b.png"


def test_read_folder_when_two_files_have_one_name_then_tells_them_apart(tmp_path: Path) -> None:
    folders = write(tmp_path, "image,group\na.png,normal\nx/a.png,normal\n", images="a bb")
    (tmp_path / "films" / "x").mkdir()
    (tmp_path / "films" / "x" / "a.png").write_bytes((tmp_path / "films" / "bb.png").read_bytes())
    names = [entry.case.image for entry in read_folder(folders)]
    assert len(set(names)) == 2
    assert all(name.startswith("a-") for name in names)


def encode_again(source: Path, target: Path) -> None:
    """Write the same grey plane in other bytes: another compression, and as colours."""
    with Image.open(source) as opened:
        opened.convert("RGB").save(target, format="PNG", compress_level=0)
    assert target.read_bytes() != source.read_bytes()


@pytest.mark.parametrize("copy", [shutil.copy, encode_again])
def test_read_folder_when_pixels_have_two_patients_then_refuses_with_both_lines(
    tmp_path: Path, copy: Callable[[Path, Path], object]
) -> None:
    lines = "image,patient_id,group\na.png,p,normal\nc.png,p,normal\nb.png,{},normal\n"
    folders = write(tmp_path, lines.format("q"))
    copy(tmp_path / "films" / "a.png", tmp_path / "films" / "b.png")
    sentence = "Line 2, a.png, and line 4, b.png, hold the same pixels, but belong to two patients"
    with pytest.raises(LearningError, match=sentence):
        read_folder(folders)
    (tmp_path / "metadata.csv").write_text(lines.format("p"))
    assert len(read_folder(folders)) == 3


def test_placed_when_a_film_of_the_run_is_encode_againd_then_keeps_its_patient_and_fold(
    tmp_path: Path,
) -> None:
    lines = "image,patient_id,group\na.png,p,covid\nb.png,q,covid\nc.png,r,normal\n"
    placement = assign_folds(read_folder(write(tmp_path, lines)), folds=2, seed=1)
    run = begin_run(tmp_path / "out", preset("cpu"), placement)
    for name in "ab":
        path = tmp_path / "films" / f"{name}.png"
        encode_again(path, path.with_stem(f"{name}2"))
    (tmp_path / "metadata.csv").write_text("image,patient_id\na2.png,x\nb2.png,y\n")
    again = Folders(tmp_path / "films", tmp_path / "metadata.csv")
    copies = read_run(run.out).place_cases(read_folder(again, only_known=False))
    known = {entry.case.image: entry.case for entry in run.cases}
    for copy in copies:
        film = known[copy.image.removesuffix("2")]
        assert (copy.patient, copy.fold) == (film.patient, film.fold)


def test_bind_when_the_run_has_no_pixel_hashes_then_goes_on_in_it(tmp_path: Path) -> None:
    lines = "image,patient_id,group\na.png,p,covid\nb.png,q,covid\n"
    placement = assign_folds(read_folder(write(tmp_path, lines)), folds=2, seed=1)
    out, plan = tmp_path / "out", preset("cpu")
    begin_run(out, plan, placement)
    former = json.loads((out / "run.json").read_text())
    for entry in former["cases"]:
        assert len(entry.pop("pixel_sha256")) == 64
    (out / "run.json").write_text(json.dumps(former))
    assert begin_run(out, plan, placement).cases == placement.cases
    assert read_run(out).place_cases(placement.cases) == tuple(
        entry.case for entry in placement.cases
    )


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("file,group\na.png,covid\n", "metadata.csv has no column 'image'"),
        ("image,group\na.png,sick\n", "Line 2: the column group says 'sick'; allowed are"),
        ("image,infection_mask\na.png,none.png\n", "Line 2: the infection mask 'none.png' is not"),
        ("image,group\n../metadata.csv,normal\n", "is not in"),
        ("image,group\nz.png,covid\n", "give its file the name of its image"),
        (
            "image,group\na.png,covid\nc.png,normal\na.png,covid\n",
            "metadata.csv: the image 'a.png' is listed twice, on line 2 and on line 4. Leave",
        ),
        (
            "image,group\nfilms/c.png,covid\nc.png,normal\n",
            "the image 'c.png' is listed twice, on line 2 (as 'films/c.png') and on line 3.",
        ),
    ],
)
def test_read_folder_when_the_metadata_is_wrong_then_says_where(
    tmp_path: Path, lines: str, sentence: str
) -> None:
    with pytest.raises(LearningError) as refused:
        read_folder(write(tmp_path, lines))
    assert sentence in refused.value.sentence


def test_read_folder_when_a_mask_has_another_size_then_names_both_sizes(tmp_path: Path) -> None:
    folders = write(tmp_path, "image\na.png\n")
    (tmp_path / "masks" / "a.png").write_bytes(encode_mask(np.ones((20, 25), np.bool_)))
    with pytest.raises(LearningError, match=r"Line 2, a.png: The mask is 25×20, but the image is"):
        read_folder(folders)


def test_read_folder_when_there_is_no_folder_of_masks_then_names_it(tmp_path: Path) -> None:
    folders = write(tmp_path, "image\na.png\n")
    gone = Folders(folders.images, folders.metadata, tmp_path / "gone")
    with pytest.raises(LearningError, match=r"The folder .*gone does not exist"):
        read_folder(gone)


def test_read_folder_when_limited_then_draws_whole_patients(tmp_path: Path) -> None:
    lines = "image,patient_id,group\na.png,p,covid\nb.png,p,covid\nc.png,q,normal\n"
    drawn = read_folder(write(tmp_path, lines), limit=2, seed=1)
    by_patient = {entry.case.patient: 0 for entry in drawn}
    assert len(drawn) <= 2
    assert {len([entry for entry in drawn if entry.case.patient == key]) for key in by_patient} <= {
        1,
        2,
    }
    assert len(read_folder(write(tmp_path, lines), limit=3)) == 3


def folder_case(number: int, patient: int, group: str, source: str) -> FolderCase:
    case = Case(f"i{number}", f"p{patient}", group, 0, "x.png", None, 8, 8)  # type: ignore[arg-type]
    return FolderCase(case, source, True, group == "covid", "", "")


COHORTS = st.lists(
    st.tuples(st.integers(0, 25), st.sampled_from(["covid", "normal"]), st.sampled_from("ab")),
    min_size=4,
    max_size=60,
)


@given(rows=COHORTS, folds=st.integers(2, 5), seed=st.integers(0, 99))
def test_place_when_placed_then_no_patient_is_in_two_folds(
    rows: list[tuple[int, str, str]], folds: int, seed: int
) -> None:
    cases = [folder_case(n, *row) for n, row in enumerate(rows)]
    sick = {entry.case.patient for entry in cases if entry.is_positive}
    if len(sick) < 2:
        with pytest.raises(LearningError, match="at least 2"):
            assign_folds(cases, folds=folds, seed=seed)
        return
    try:
        placed = assign_folds(cases, folds=folds, seed=seed)
    except LearningError:
        return  # every patient with infection in one fold: told, never trained
    fold_of: dict[str, set[int]] = {}
    for entry in placed.cases:
        fold_of.setdefault(entry.case.patient, set()).add(entry.case.fold)
    assert all(len(folds_of_one) == 1 for folds_of_one in fold_of.values())
    assert {entry.case.fold for entry in placed.cases} <= set(range(placed.k))
    for fold in range(placed.k):
        assert any(entry.is_positive for entry in placed.cases if entry.case.fold != fold)


def test_place_when_groups_are_even_then_every_fold_has_its_share() -> None:
    cases = [folder_case(n, n, "covid" if n % 2 else "normal", "ab"[n % 4 // 2]) for n in range(60)]
    placed = assign_folds(cases, folds=3, seed=1)
    assert placed.k == 3
    for fold in range(3):
        held_out = [entry for entry in placed.cases if entry.case.fold == fold]
        assert len(held_out) == 20
        assert sum(entry.is_positive for entry in held_out) == 10
