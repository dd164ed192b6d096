from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mlloop.dataset import (
    CaseReader,
    batch_cases,
    draw_change,
    seeded,
    split_cases,
    training_batch,
)
from mlloop.errors import LearningError
from mlloop.manifest import Augment, Case
from tests.mlloop.conftest import STILL, small_plan


def test_reader_when_a_case_is_read_records_its_patient_and_no_other(
    cases: tuple[Case, ...],
) -> None:
    reader = CaseReader(grid=32)
    assert reader.loaded_patients == set()
    reader.image(cases[2])
    assert reader.loaded_patients == {"patient-2"}
    assert reader.target(cases[7]).max() == 0
    assert reader.loaded_patients == {"patient-2"}, "an implied empty mask opens no file"


def test_reader_when_the_cache_is_full_gives_the_same_values(cases: tuple[Case, ...]) -> None:
    roomy, full = CaseReader(grid=32), CaseReader(grid=32, cache_bytes=0)
    for case in cases * 2:
        np.testing.assert_array_equal(roomy.image(case), full.image(case))


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_reader_when_a_file_is_damaged_says_which_case(
    cases: tuple[Case, ...], tmp_path: Path, kind: str
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(Path(cases[0].image_path).read_bytes()[:60])
    case = dataclasses.replace(cases[0], **{f"{kind}_path": str(broken)})
    reader = CaseReader(grid=32)
    with pytest.raises(LearningError, match="image-0 is unusable") as refused:
        reader.image(case) if kind == "image" else reader.target(case)
    assert refused.value.code == f"unreadable_{kind}"


def test_reader_when_a_file_is_gone_says_so(cases: tuple[Case, ...]) -> None:
    case = dataclasses.replace(cases[0], image_path="/nowhere/x.png")
    with pytest.raises(LearningError, match="cannot be read"):
        CaseReader(grid=32).image(case)


def test_split_when_made_keeps_patients_whole_and_apart(make_case: Callable[..., Case]) -> None:
    cases = [make_case(n, sick=n < 8, patient=f"p{n % 8 // 2}-{n < 8}") for n in range(16)]
    split = split_cases(cases, small_plan(inner_fraction=0.3), CaseReader(grid=32))
    inner = {case.patient for case in split.inner}
    assert inner.isdisjoint(case.patient for case in split.positives + split.negatives)
    assert len(split.positives + split.negatives + split.inner) == 16
    assert {case.group for case in split.inner} == {"covid", "normal"}


def test_split_when_nothing_is_infected_refuses_with_a_sentence(
    make_case: Callable[..., Case],
) -> None:
    cases = [make_case(n, sick=False) for n in range(3)]
    with pytest.raises(LearningError, match="not empty") as refused:
        split_cases(cases, small_plan(), CaseReader(grid=32))
    assert refused.value.code == "no_positive_patient"


def test_batches_when_walked_through_use_every_image_equally(cases: tuple[Case, ...]) -> None:
    plan = small_plan(positive_share=0.5)
    split = split_cases(cases, plan, CaseReader(grid=32))
    n = len(split.positives)
    steps = [batch_cases(split, plan, 3, step) for step in range(n)]
    used = [case.image for batch in steps for case in batch if case in split.positives]
    assert sorted(used) == sorted([case.image for case in split.positives] * 2)
    assert steps == [batch_cases(split, plan, 3, step) for step in range(n)]


def test_augmentation_when_drawn_again_depends_on_seed_step_and_image_only() -> None:
    def draw(*key: object) -> np.ndarray:
        return draw_change(Augment(), seeded(*key), 8).matrix

    np.testing.assert_array_equal(draw(1, 2, "a"), draw(1, 2, "a"))
    for other in [(2, 2, "a"), (1, 3, "a"), (1, 2, "b")]:
        assert not np.array_equal(draw(1, 2, "a"), draw(*other))


def test_batch_when_nothing_is_augmented_is_the_input_itself(cases: tuple[Case, ...]) -> None:
    reader = CaseReader(grid=32)
    images, targets = training_batch(cases[:3], reader, STILL, 1, 1)
    for i in range(3):
        expected = torch.from_numpy(reader.image(cases[i])).clamp(1e-4, 1)
        torch.testing.assert_close(images[i, 0], expected, atol=1e-4, rtol=0)
        torch.testing.assert_close(targets[i, 0], torch.from_numpy(reader.target(cases[i])))


def test_batch_when_flipped_moves_image_and_mask_together(cases: tuple[Case, ...]) -> None:
    reader = CaseReader(grid=32)
    images, targets = training_batch(cases[:1], reader, dataclasses.replace(STILL, flip=1.0), 1, 1)
    expected = torch.from_numpy(reader.target(cases[0])).flip(1)
    torch.testing.assert_close(targets[0, 0], expected)
    mirrored = torch.from_numpy(reader.image(cases[0])).flip(1).clamp(1e-4, 1)
    torch.testing.assert_close(images[0, 0], mirrored, atol=1e-4, rtol=0)


def test_batches_when_groups_are_balanced_draw_controls_equally_and_each_in_turn(
    make_case: Callable[..., Case],
) -> None:
    normal = [make_case(n, sick=False) for n in range(6)]
    other = [dataclasses.replace(make_case(n, sick=False), group="other") for n in (6, 7)]
    split = split_cases(
        [make_case(8), make_case(9), *normal, *other],
        small_plan(inner_fraction=0.01),
        CaseReader(grid=32),
    )
    plan = small_plan(batch_size=6, positive_share=0.5, balance_groups=True)
    drawn = [case for step in range(20) for case in batch_cases(split, plan, 3, step)[3:]]
    groups = [case.group for case in drawn]
    assert groups.count("normal") == groups.count("other") == 30
    for group in ("normal", "other"):
        pool = {case.image for case in split.negatives if case.group == group}
        turns = [case.image for case in drawn if case.group == group]
        assert {turns.count(image) for image in pool} <= {30 // len(pool), 30 // len(pool) + 1}
    plain = dataclasses.replace(plan, balance_groups=False)
    drawn = [case for step in range(20) for case in batch_cases(split, plain, 3, step)[3:]]
    assert [case.group for case in drawn].count("normal") > 35


def test_batch_when_shifted_fills_the_border_as_asked(cases: tuple[Case, ...]) -> None:
    reader = CaseReader(grid=32)
    shifted = dataclasses.replace(STILL, shift=0.9)
    black, _ = training_batch(cases[:1], reader, shifted, 1, 1)
    nearest, _ = training_batch(
        cases[:1], reader, dataclasses.replace(shifted, fill="nearest"), 1, 1
    )
    assert float((black < 2e-4).float().mean()) > 0.3
    assert float((nearest < 2e-4).float().mean()) < 0.01


def test_change_when_sheared_slants_and_keeps_the_area() -> None:
    still = draw_change(STILL, seeded(1), 8).matrix
    slanted = draw_change(dataclasses.replace(STILL, shear_degrees=20), seeded(1), 8).matrix
    assert abs(slanted[0, 1]) > 0.01
    assert np.linalg.det(slanted[:, :2]) == pytest.approx(np.linalg.det(still[:, :2]))
