from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.contract.plan import Augment
from mlloop.training.dataset import (
    CaseReader,
    batch_cases,
    draw_change,
    seeded,
    split_by,
    split_cases,
    training_batch,
)
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


def listed(patient: int) -> Case:
    """A case that is split, never read."""
    return Case(f"i{patient}", f"p{patient}", "other", 0, "i.png", None, 8, 8)


ROUND = st.tuples(
    st.sets(st.integers(0, 60), max_size=40),  # who joins the pool
    st.sets(st.integers(0, 60)),  # who is infected, as the masks of this round say
    st.sampled_from([0.02, 0.1, 0.3]),
    st.integers(0, 9),  # the seed
)


@given(rounds=st.lists(ROUND, min_size=1, max_size=6))
def test_split_when_pools_grow_under_warm_starts_scores_nobody_an_ancestor_was_taught(
    rounds: list[tuple[set[int], set[int], float, int]],
) -> None:
    pool, taught = set[int](), set[str]()
    for joining, sick, fraction, seed in rounds:
        pool |= joining
        plan = small_plan(inner_fraction=fraction, seed=seed)
        positive = {f"i{one}" for one in sick}
        split = split_by([listed(one) for one in sorted(pool)], positive, plan, taught=taught)
        assert taught.isdisjoint(split.inner_patients)
        learned = split.positives + split.negatives
        assert {case.patient for case in learned}.isdisjoint(split.inner_patients)
        assert sorted(case.image for case in learned + split.inner) == sorted(
            f"i{one}" for one in pool
        )
        if pool & sick:
            assert split.positives
        taught |= {case.patient for case in learned}


def test_split_when_the_pool_grows_and_the_seed_changes_keeps_aside_whom_it_kept() -> None:
    before: set[str] = set()
    for count in (200, 400, 800):
        cases = [listed(one) for one in range(count)]
        positive = {case.image for case in cases[::3]}
        plan = small_plan(inner_fraction=0.1, seed=count)
        inner = set(split_by(cases, positive, plan).inner_patients)
        assert before < inner
        joined = {f"p{one}" for one in range(count // 2 if before else 0, count)}
        assert inner - before <= joined, "nobody who was learned from is scored"
        assert 0.05 * count < len(inner) < 0.15 * count
        smaller = split_by(cases, positive, small_plan(inner_fraction=0.05))
        assert set(smaller.inner_patients) < inner
        before = inner


def test_split_when_the_fraction_grows_scores_a_warm_start_on_newcomers_alone() -> None:
    cases = [listed(one) for one in range(200)]
    positive = {case.image for case in cases[::2]}
    first = split_by(cases, positive, small_plan(inner_fraction=0.05))
    taught = {case.patient for case in first.positives + first.negatives}
    wider = small_plan(inner_fraction=0.3)
    assert set(split_by(cases, positive, wider).inner_patients) & taught, "a cold start may"
    warm = split_by(cases, positive, wider, taught=taught)
    assert warm.inner_patients == first.inner_patients


@pytest.mark.parametrize(
    ("sick", "well", "taught", "expected"),
    [
        (1, 4, (), (0, 0)),  # the only infected patient is learned from
        (2, 4, (), (1, 1)),  # the one nearest to the threshold of each kind
        (2, 1, (), (1, 0)),
        (2, 4, ("p0", "p1"), (0, 0)),  # without infection the others say nothing
        (2, 4, ("p0",), (1, 1)),
    ],
)
def test_split_when_the_pool_is_small_sets_one_of_each_kind_aside_or_nobody(
    sick: int, well: int, taught: tuple[str, ...], expected: tuple[int, int]
) -> None:
    cases = [listed(one) for one in range(sick + well)]
    positive = {case.image for case in cases[:sick]}
    split = split_by(cases, positive, small_plan(inner_fraction=1e-9), taught=taught)
    inside = [case.image in positive for case in split.inner]
    assert (inside.count(True), inside.count(False)) == expected
    assert not set(taught) & set(split.inner_patients)


def test_split_when_every_hash_falls_below_still_leaves_one_of_each_kind() -> None:
    cases = [listed(one) for one in (2, 3, 5, 6)]
    positive = {"i2", "i3"}
    split = split_by(cases, positive, small_plan(inner_fraction=0.4999))
    assert len(split.positives) == len(split.negatives) == 1


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
