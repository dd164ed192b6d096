from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.training.case_reader import CaseReader


def test_reader_when_a_case_is_read_records_its_patient_and_no_other(
    cases: tuple[Case, ...],
) -> None:
    reader = CaseReader(grid=32)
    assert reader.loaded_patients == set()
    reader.read_image(cases[2])
    assert reader.loaded_patients == {"patient-2"}
    assert reader.read_target(cases[7]).max() == 0
    assert reader.loaded_patients == {"patient-2"}, "an implied empty mask opens no file"


def test_reader_when_the_cache_is_full_gives_the_same_values(cases: tuple[Case, ...]) -> None:
    roomy, full = CaseReader(grid=32), CaseReader(grid=32, cache_bytes=0)
    for case in cases * 2:
        np.testing.assert_array_equal(roomy.read_image(case), full.read_image(case))


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_reader_when_a_file_is_damaged_says_which_case(
    cases: tuple[Case, ...], tmp_path: Path, kind: str
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(Path(cases[0].image_path).read_bytes()[:60])
    case = dataclasses.replace(cases[0], **{f"{kind}_path": str(broken)})
    reader = CaseReader(grid=32)
    with pytest.raises(LearningError, match="image-0 is unusable") as refused:
        reader.read_image(case) if kind == "image" else reader.read_target(case)
    assert refused.value.code == f"unreadable_{kind}"


def test_reader_when_a_file_is_gone_says_so(cases: tuple[Case, ...]) -> None:
    case = dataclasses.replace(cases[0], image_path="/nowhere/x.png")
    with pytest.raises(LearningError, match="cannot be read"):
        CaseReader(grid=32).read_image(case)
