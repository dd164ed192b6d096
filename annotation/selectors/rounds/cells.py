"""Cells of sealed films: the smallest groups that any figure about sealed films may be made of.

A cell has 20 films or more, all infected or all without infection, and a film never changes its
cell. Every look measures whole cells, and every subgroup shown is of whole cells. So whatever
somebody computes from all figures of all rounds is about whole cells, never about fewer films.
Subtracting one figure from another, or one round from another, gives nothing smaller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

MIN_FILMS = 20
SMALL_INFECTION = 0.03  # of the film


@dataclass(frozen=True, slots=True)
class Film:
    """One sealed film that could be measured, and the features by which subgroups are formed."""

    image: str
    is_infected: bool
    features: tuple[str, ...]


class InCell(Protocol):
    """A measured film that knows its cell."""

    @property
    def cell(self) -> int: ...


F = TypeVar("F", bound=InCell)


def form_cells(films: Sequence[Film]) -> list[list[Film]]:
    """Divide new films into cells; an empty list if there are fewer than 20.

    A cell is divided by one feature after the other, as long as both halves have 20 films.
    """
    if len(films) < MIN_FILMS:
        return []
    cells = [list(films)]
    for kind in range(len(films[0].features)):
        cells = [part for cell in cells for part in _divide(cell, kind)]
    return cells


def _divide(cell: list[Film], kind: int) -> list[list[Film]]:
    """Part a cell by one feature, the largest group first. Small groups stay with the rest."""
    sizes = Counter(film.features[kind] for film in cell)
    parts, rest = [], cell
    for value in sorted(sizes, key=lambda value: (-sizes[value], value)):
        inside = [film for film in rest if film.features[kind] == value]
        outside = [film for film in rest if film.features[kind] != value]
        if min(len(inside), len(outside)) >= MIN_FILMS:
            parts.append(inside)
            rest = outside
    return [*parts, rest]


def keep_cells(
    cells: Mapping[int, Collection[str]], usable: Collection[str]
) -> tuple[dict[int, list[str]], set[str]]:
    """Return what later looks measure of earlier cells, and the films that no look measures again.

    If a film was withdrawn, the look before less the look after would be this one film. So at least
    20 films of its cell are retired with it, and all of them if fewer than 20 others would be left.
    """
    kept: dict[int, list[str]] = {}
    retired: set[str] = set()
    for cell, images in cells.items():
        left = sorted(image for image in images if image in usable)
        gone = len(images) - len(left)
        if gone:
            left = left[max(0, MIN_FILMS - gone) :]
            left = left if len(left) >= MIN_FILMS else []
            retired |= set(images) - set(left)
        if left:
            kept[cell] = left
    return kept, retired


def in_whole_cells(films: Sequence[F], is_member: Callable[[F], bool]) -> list[F]:
    """Return the films of the cells that lie wholly in a subgroup, in the given order."""
    parted = {film.cell for film in films if not is_member(film)}
    return [film for film in films if film.cell not in parted]
