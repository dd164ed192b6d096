from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.training.case_reader import CaseReader
from mlloop.training.inner_split import split_by_mask, split_by_positives
from tests.mlloop.conftest import small_plan


def test_split_when_made_keeps_patients_whole_and_apart(make_case: Callable[..., Case]) -> None:
    cases = [make_case(n, sick=n < 8, patient=f"p{n % 8 // 2}-{n < 8}") for n in range(16)]
    split = split_by_mask(cases, small_plan(inner_fraction=0.3), CaseReader(grid=32))
    inner = {case.patient for case in split.inner}
    assert inner.isdisjoint(case.patient for case in split.positives + split.negatives)
    assert len(split.positives + split.negatives + split.inner) == 16
    assert {case.group for case in split.inner} == {"covid", "normal"}


def listed_case(patient: int) -> Case:
    """Return a case for a split by groups. Its files do not exist, and nothing reads them."""
    return Case(f"i{patient}", f"p{patient}", "other", 0, "i.png", None, 8, 8)


ROUND = st.tuples(
    st.sets(st.integers(0, 60), max_size=40),  # patients who join the pool
    st.sets(st.integers(0, 60)),  # infected patients, by the masks of this round
    st.sampled_from([0.02, 0.1, 0.3]),
    st.integers(0, 9),  # the seed
)


@given(rounds=st.lists(ROUND, min_size=1, max_size=6))
def test_split_when_pools_grow_under_warm_starts_scores_no_patient_that_a_parent_learned(
    rounds: list[tuple[set[int], set[int], float, int]],
) -> None:
    pool, taught = set[int](), set[str]()
    for joining, sick, fraction, seed in rounds:
        pool |= joining
        plan = small_plan(inner_fraction=fraction, seed=seed)
        positive = {f"i{number}" for number in sick}
        split = split_by_positives(
            [listed_case(number) for number in sorted(pool)], positive, plan, taught=taught
        )
        assert taught.isdisjoint(split.inner_patients)
        learned = split.positives + split.negatives
        assert {case.patient for case in learned}.isdisjoint(split.inner_patients)
        assert sorted(case.image for case in learned + split.inner) == sorted(
            f"i{number}" for number in pool
        )
        if pool & sick:
            assert split.positives
        taught |= {case.patient for case in learned}


def test_split_when_the_pool_grows_and_the_seed_changes_keeps_the_same_patients_aside() -> None:
    before: set[str] = set()
    for count in (200, 400, 800):
        cases = [listed_case(number) for number in range(count)]
        positive = {case.image for case in cases[::3]}
        plan = small_plan(inner_fraction=0.1, seed=count)
        inner = set(split_by_positives(cases, positive, plan).inner_patients)
        assert before < inner
        joined = {f"p{number}" for number in range(count // 2 if before else 0, count)}
        assert inner - before <= joined, "no patient moves from training to the inner split"
        assert 0.05 * count < len(inner) < 0.15 * count
        smaller = split_by_positives(cases, positive, small_plan(inner_fraction=0.05))
        assert set(smaller.inner_patients) < inner
        before = inner


def test_split_when_the_fraction_grows_scores_a_warm_start_on_newcomers_alone() -> None:
    cases = [listed_case(number) for number in range(200)]
    positive = {case.image for case in cases[::2]}
    first = split_by_positives(cases, positive, small_plan(inner_fraction=0.05))
    taught = {case.patient for case in first.positives + first.negatives}
    wider = small_plan(inner_fraction=0.3)
    assert set(split_by_positives(cases, positive, wider).inner_patients) & taught, (
        "a cold start may score them"
    )
    warm = split_by_positives(cases, positive, wider, taught=taught)
    assert warm.inner_patients == first.inner_patients


@pytest.mark.parametrize(
    ("sick", "well", "taught", "expected"),
    [
        (1, 4, (), (0, 0)),  # the network needs the only infected patient to learn from
        (2, 4, (), (1, 1)),  # of each kind, the patient nearest to the threshold
        (2, 1, (), (1, 0)),
        (2, 4, ("p0", "p1"), (0, 0)),  # controls alone cannot choose an epoch
        (2, 4, ("p0",), (1, 1)),
    ],
)
def test_split_when_the_pool_is_small_sets_one_of_each_kind_aside_or_nobody(
    sick: int, well: int, taught: tuple[str, ...], expected: tuple[int, int]
) -> None:
    cases = [listed_case(number) for number in range(sick + well)]
    positive = {case.image for case in cases[:sick]}
    split = split_by_positives(cases, positive, small_plan(inner_fraction=1e-9), taught=taught)
    inside = [case.image in positive for case in split.inner]
    assert (inside.count(True), inside.count(False)) == expected
    assert not set(taught) & set(split.inner_patients)


def test_split_when_every_hash_falls_below_still_leaves_one_of_each_kind() -> None:
    cases = [listed_case(number) for number in (2, 3, 5, 6)]
    positive = {"i2", "i3"}
    split = split_by_positives(cases, positive, small_plan(inner_fraction=0.4999))
    assert len(split.positives) == len(split.negatives) == 1


def test_split_when_nothing_is_infected_refuses_with_a_sentence(
    make_case: Callable[..., Case],
) -> None:
    cases = [make_case(n, sick=False) for n in range(3)]
    with pytest.raises(LearningError, match="not empty") as refused:
        split_by_mask(cases, small_plan(), CaseReader(grid=32))
    assert refused.value.code == "no_positive_patient"
