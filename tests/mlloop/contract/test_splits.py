"""Splits: a patient is in one place, whatever the order, and the shares hold as the set grows."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlloop.contract.splits import (
    DrawRow,
    FoldChoice,
    LedgerCell,
    PatientRow,
    SplitError,
    assign_splits,
    draw_patients,
    patient_group,
    round_folds,
    usable_folds,
)

GROUPS = ("covid", "normal", "other")
patient_lists = st.dictionaries(
    st.text("abcdef0123", min_size=1, max_size=6), st.sampled_from(GROUPS), max_size=60
).map(lambda groups: [PatientRow(key, group) for key, group in groups.items()])
fractions = st.sampled_from([0.0, 0.1, 0.2, 0.5])


def assign(patients, ledger=None, **changes):
    options = {"sealed_fraction": 0.2, "sealed_cap": None, "folds": 5, "seed": 7} | changes
    return assign_splits(patients, ledger=ledger or {}, **options)


def ledger_of(patients, placed):
    return Counter(
        LedgerCell(row.group, placed[row.key].split, placed[row.key].fold) for row in patients
    )


def many(n, group="covid", prefix=""):
    return [PatientRow(f"{prefix}{group}{number}", group) for number in range(n)]


def sealed_share(patients, placed, group):
    places = [placed[row.key].split for row in patients if row.group == group]
    return places.count("sealed") / len(places)


@given(patient_lists, fractions, st.integers(2, 7), st.integers(0, 5))
def test_assign_when_any_patients_then_each_has_one_place_in_range(patients, fraction, folds, seed):
    placed = assign(patients, sealed_fraction=fraction, folds=folds, seed=seed)
    assert set(placed) == {row.key for row in patients}
    assert all(0 <= place.fold < folds for place in placed.values())
    assert {place.split for place in placed.values()} <= {"train", "sealed"}


@given(patient_lists, st.randoms(use_true_random=False))
def test_assign_when_the_order_changes_then_nothing_else_does(patients, random):
    shuffled = random.sample(patients, len(patients))
    assert assign(shuffled) == assign(patients)


@given(patient_lists, fractions)
def test_assign_when_done_at_once_then_shares_and_folds_are_even(patients, fraction):
    placed = assign(patients, sealed_fraction=fraction)
    cells = ledger_of(patients, placed)
    for group in GROUPS:
        size = sum(row.group == group for row in patients)
        sealed = sum(
            n for cell, n in cells.items() if (cell.group, cell.split) == (group, "sealed")
        )
        assert abs(sealed - fraction * size) < 1.5 or sealed == size - 1
        for split in ("train", "sealed"):
            folds = [cells[LedgerCell(group, split, fold)] for fold in range(5)]
            assert max(folds) - min(folds) <= 1


@given(patient_lists, st.integers(1, 9))
@settings(max_examples=60)
def test_assign_when_patients_come_in_batches_then_shares_and_folds_stay_even(patients, size):
    ledger: Counter[LedgerCell] = Counter()
    for start in range(0, len(patients), size):
        batch = patients[start : start + size]
        ledger += ledger_of(batch, assign(batch, ledger))
    sealed = sum(n for cell, n in ledger.items() if cell.split == "sealed")
    assert sealed <= 0.2 * len(patients) + 0.5
    for group in GROUPS:
        for split in ("train", "sealed"):
            folds = [ledger[LedgerCell(group, split, fold)] for fold in range(5)]
            assert max(folds) - min(folds) <= 1


@pytest.mark.parametrize("size", [1, 7, 100])
def test_assign_when_many_batches_come_then_the_sealed_share_of_each_group_holds(size):
    patients = [
        row for trio in zip(*(many(200, group) for group in GROUPS), strict=True) for row in trio
    ]
    ledger: Counter[LedgerCell] = Counter()
    placed = {}
    for start in range(0, len(patients), size):
        batch = patients[start : start + size]
        new = assign(batch, ledger)
        assert not set(new) & set(placed)
        placed |= new
        ledger += ledger_of(batch, new)
    for group in GROUPS:
        assert sealed_share(patients, placed, group) == pytest.approx(0.2, abs=0.01)


def test_assign_when_a_group_lags_behind_then_new_patients_make_up_for_it():
    ledger = {LedgerCell("covid", "train", fold): 20 for fold in range(5)}
    new = many(50)
    placed = assign(new, ledger)
    assert sum(place.split == "sealed" for place in placed.values()) == 30


def test_assign_when_the_seed_changes_then_others_are_sealed():
    patients = many(100)
    first, second = assign(patients, seed=1), assign(patients, seed=2)
    assert {k for k in first if first[k].split == "sealed"} != {
        k for k in second if second[k].split == "sealed"
    }


def test_assign_when_there_is_a_cap_then_it_holds_over_all_imports_and_is_shared_by_group():
    patients = many(300) + many(100, "normal")
    placed = assign(patients, sealed_cap=40)
    sealed = Counter(row.group for row in patients if placed[row.key].split == "sealed")
    assert sealed == {"covid": 30, "normal": 10}
    more = many(200, prefix="later-")
    again = assign(more, ledger_of(patients, placed), sealed_cap=40)
    assert all(place.split == "train" for place in again.values())


def test_assign_when_a_group_has_one_patient_then_it_is_trained_on():
    placed = assign([PatientRow("a", "covid"), *many(9, "normal")], sealed_fraction=0.5)
    assert placed["a"].split == "train"


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6])
def test_round_folds_when_the_ledger_has_60_folds_then_they_are_even_for_any_k(k):
    placed = assign(many(47), folds=60)
    train = [place.fold for place in placed.values() if place.split == "train"]
    sizes = Counter(round_folds(fold, k) for fold in train)
    assert len(sizes) == k
    assert max(sizes.values()) - min(sizes.values()) <= 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sealed_fraction": 1.0}, "The sealed fraction is 1; it must be from 0 to below 1."),
        ({"sealed_fraction": -0.1}, "The sealed fraction is -0.1; it must be from 0 to below 1."),
        ({"sealed_cap": -1}, "The cap on sealed patients is -1; it must be 0 or more."),
        ({"folds": 1}, "The ledger has 1 folds; at least 2 are needed."),
    ],
)
def test_assign_when_asked_for_nonsense_then_the_sentence_says_why(changes, sentence):
    with pytest.raises(SplitError) as refusal:
        assign(many(3), **changes)
    assert str(refusal.value) == sentence


def test_assign_when_a_patient_is_given_twice_then_it_is_refused():
    with pytest.raises(SplitError) as refusal:
        assign([PatientRow("a", "covid"), PatientRow("a", "normal")])
    assert str(refusal.value) == "Patient a is given twice."


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["normal", "covid", "other"], "covid"),
        (["normal", "normal"], "normal"),
        (["normal", "other"], "other"),
        ([], "other"),
    ],
)
def test_patient_group_when_images_differ_then_covid_wins(groups, expected):
    assert patient_group(groups) == expected


def test_usable_folds_when_there_are_enough_positives_then_nothing_is_said():
    assert usable_folds(5, [0, 1, 2, 3, 4, 5]) == FoldChoice(5, "")


def test_usable_folds_when_k_exceeds_the_positive_patients_then_it_is_lowered_and_said():
    choice = usable_folds(5, [0, 1, 2])
    assert choice == FoldChoice(3, "3 folds instead of 5: only 3 training patients are positive.")


def test_usable_folds_when_all_positives_share_a_fold_then_a_k_that_parts_them_is_found():
    choice = usable_folds(4, [0, 4, 8, 12])
    assert choice.k == 3
    assert choice.reason == (
        "3 folds instead of 4: with more, one fold would hold every positive patient."
    )


@pytest.mark.parametrize(
    ("positives", "sentence"),
    [
        (
            [],
            "0 training patients have an infection mask that is not empty; "
            "at least 2 in different folds are needed.",
        ),
        (
            [3],
            "1 training patient has an infection mask that is not empty; "
            "at least 2 in different folds are needed.",
        ),
        (
            [0, 2],
            "2 training patients have an infection mask that is not empty; "
            "at least 2 in different folds are needed.",
        ),
    ],
)
def test_usable_folds_when_two_cannot_be_had_then_it_is_refused(positives, sentence):
    with pytest.raises(SplitError) as refusal:
        usable_folds(5, positives)
    assert str(refusal.value) == sentence


def test_usable_folds_when_one_fold_is_asked_for_then_it_is_refused():
    with pytest.raises(SplitError, match="1 folds were asked for; at least 2 are needed"):
        usable_folds(1, [0, 1])


@given(st.integers(2, 8), st.lists(st.integers(0, 59), max_size=12))
def test_usable_folds_when_it_answers_then_every_training_side_has_a_positive(requested, positives):
    try:
        k = usable_folds(requested, positives).k
    except SplitError:
        assert len(positives) < 2 or len({fold % 2 for fold in positives}) == 1
        return
    assert 2 <= k <= min(requested, len(positives))
    for held_out in range(k):
        assert any(round_folds(fold, k) != held_out for fold in positives)


draw_rows = st.lists(
    st.builds(
        DrawRow,
        patient=st.text("abcdef", min_size=1, max_size=3),
        group=st.sampled_from(GROUPS),
        source=st.sampled_from(["hannover", "qu"]),
        n_images=st.integers(1, 6),
    ),
    max_size=40,
)


@given(draw_rows, st.integers(1, 100), st.randoms(use_true_random=False))
def test_draw_when_any_rows_then_whole_patients_fit_the_limit_in_any_order(rows, limit, random):
    drawn = draw_patients(rows, limit=limit, seed=3)
    assert len(set(drawn)) == len(drawn)
    assert sum(row.n_images for row in rows if row.patient in drawn) <= limit
    assert draw_patients(random.sample(rows, len(rows)), limit=limit, seed=3) == drawn
    if sum(row.n_images for row in rows) <= limit:
        assert set(drawn) == {row.patient for row in rows}


def test_draw_when_there_are_groups_and_sources_then_their_shares_hold():
    rows = [DrawRow(f"h{i}", "covid", "hannover", 1 + i % 6) for i in range(58)]
    rows += [DrawRow(f"q{i}", "covid", "qu", 1) for i in range(600)]
    rows += [DrawRow(f"n{i}", "normal", "qu", 1) for i in range(220)]
    total = sum(row.n_images for row in rows)
    drawn = set(draw_patients(rows, limit=240, seed=0))
    assert sum(row.n_images for row in rows if row.patient in drawn) == 240
    for group, source in {(row.group, row.source) for row in rows}:
        stratum = [row for row in rows if (row.group, row.source) == (group, source)]
        got = sum(row.n_images for row in stratum if row.patient in drawn)
        assert got == pytest.approx(240 * sum(r.n_images for r in stratum) / total, abs=6)
    assert set(draw_patients(rows, limit=240, seed=1)) != drawn


def test_draw_when_the_limit_is_0_then_it_is_refused():
    with pytest.raises(SplitError) as refusal:
        draw_patients([], limit=0, seed=0)
    assert str(refusal.value) == "The limit is 0 images; it must be 1 or more."
