"""The search by bands finds exactly the pairs that a comparison of all pairs finds."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.services.intake.duplicates import MAX_DISTANCE, near_pairs


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.sets(st.integers(0, 63), max_size=5)), max_size=20),
    st.integers(0, 28),
)
def test_near_pairs_when_compared_with_all_pairs_then_the_same(films, changes, first_new) -> None:
    hashes = list(films)
    for index, bits in changes:
        hashes.append(films[index % len(films)] ^ sum(1 << bit for bit in bits))
    is_new = np.arange(len(hashes)) >= first_new
    pairs = list(near_pairs(np.array(hashes, np.uint64), is_new))
    assert len(pairs) == len({(min(i, j), max(i, j)) for i, j, _ in pairs})
    expected = {
        (i, j, (hashes[i] ^ hashes[j]).bit_count())
        for i, j in combinations(range(len(hashes)), 2)
        if (hashes[i] ^ hashes[j]).bit_count() <= MAX_DISTANCE and (is_new[i] or is_new[j])
    }
    assert {(min(i, j), max(i, j), n) for i, j, n in pairs} == expected


def test_near_pairs_when_there_are_many_images_then_no_quadratic_search() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**63, 120_000).astype(np.uint64) * np.uint64(2)
    hashes[-1] = hashes[0] ^ np.uint64(0b101)
    pairs = list(near_pairs(hashes, np.arange(len(hashes)) >= 119_990))
    assert pairs == [(0, 119_999, 2)]
