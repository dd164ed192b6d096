"""Cells of sealed films: 20 or more, parted by features only if both sides stay large enough."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from annotation.selectors.rounds.cells import (
    MIN_FILMS,
    Film,
    form_cells,
    in_whole_cells,
    keep_cells,
)


def films(*groups: tuple[int, str, str]) -> list[Film]:
    """Return films of (number, view, source)."""
    made = [(view, source) for n, view, source in groups for _ in range(n)]
    return [Film(f"{i:03}", True, features) for i, features in enumerate(made)]


def sizes(cells: list[list[Film]]) -> list[int]:
    return sorted(len(cell) for cell in cells)


def test_cells_when_both_sides_are_large_then_a_feature_parts_them() -> None:
    assert sizes(form_cells(films((30, "PA", "east"), (25, "AP", "east")))) == [25, 30]


def test_cells_when_a_group_or_its_complement_is_small_then_it_stays_with_the_rest() -> None:
    assert sizes(form_cells(films((45, "PA", "east"), (15, "AP", "east")))) == [60]
    three = films((30, "PA", "east"), (25, "AP", "east"), (15, "lateral", "east"))
    assert sizes(form_cells(three)) == [30, 40]


def test_cells_when_there_are_fewer_than_twenty_films_then_none() -> None:
    assert form_cells(films((19, "PA", "east"))) == []


def test_cells_when_a_film_is_withdrawn_then_twenty_leave_or_the_whole_cell() -> None:
    large, small = [f"a{i:02}" for i in range(60)], [f"b{i:02}" for i in range(39)]
    usable = {*large, *small} - {"a30", "b30"}
    kept, retired = keep_cells({1: large, 2: small}, usable)
    assert {cell: len(images) for cell, images in kept.items()} == {1: 40}
    assert retired == set(large) - set(kept[1]) | set(small)
    assert len(retired) == 20 + 39
    assert keep_cells({1: large}, set(large)) == ({1: large}, set())


@dataclass(frozen=True)
class Measured:
    cell: int
    view: str


def test_subgroup_when_a_cell_is_parted_by_it_then_only_the_whole_cells_count() -> None:
    measured = [Measured(1, "PA")] * 20 + [Measured(2, "PA")] * 19 + [Measured(2, "AP")]
    assert in_whole_cells(measured, lambda film: film.view == "PA") == measured[:20]
    assert in_whole_cells(measured, lambda film: film.view == "AP") == []


@given(
    looks=st.lists(
        st.tuples(
            st.lists(st.tuples(*[st.integers(0, 3)] * 2), max_size=70),  # films read since
            st.sets(st.integers(0, 200), max_size=4),  # films withdrawn since
        ),
        min_size=1,
        max_size=6,
    )
)
def test_films_of_any_looks_are_told_apart_in_groups_of_twenty_or_more_only(
    looks: list[tuple[list[tuple[int, int]], set[int]]],
) -> None:
    cells: dict[int, list[str]] = {}
    waiting: list[Film] = []
    withdrawn: set[str] = set()
    retired: set[str] = set()
    every: list[str] = []
    seen: dict[str, tuple[tuple[int, int], ...]] = {}  # the looks and cells of each film
    for number, (read, gone) in enumerate(looks):
        new = [
            Film(f"{len(every) + i:03}", True, tuple(map(str, features)))
            for i, features in enumerate(read)
        ]
        every += [film.image for film in new]
        withdrawn |= {f"{film:03}" for film in gone} & set(every)
        cells, left = keep_cells(cells, set(every) - withdrawn)
        retired |= left
        waiting = [film for film in [*waiting, *new] if film.image not in withdrawn]
        if formed := form_cells(waiting):
            first = max(cells, default=0) + number * 1000 + 1
            cells |= {first + i: [film.image for film in cell] for i, cell in enumerate(formed)}
            waiting = []
        measured = {image for images in cells.values() for image in images}
        assert not measured & (retired | withdrawn)
        for cell, images in cells.items():
            for image in images:
                seen[image] = (*seen.get(image, ()), (number, cell))
    groups: dict[object, int] = {}
    for places in seen.values():
        groups[places] = groups.get(places, 0) + 1
    assert all(size >= MIN_FILMS for size in groups.values())
