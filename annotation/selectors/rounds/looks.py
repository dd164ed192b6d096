"""Choose the sealed films that a round is measured on: whole cells, the same ones as before.

A look repeats the cells of the look before, with the references that it used. Films that were read
since wait until 20 infected ones, or 20 without infection, are there. They then become new cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from django.db.models import F

from annotation import storage
from annotation.models import Image, Reference, Round, Verdict
from annotation.round_figures import SealedCase, SealedEvaluation, SealedLook
from annotation.selectors.labels import READING_LABEL, label_of
from annotation.selectors.rounds.cells import (
    MIN_FILMS,
    SMALL_INFECTION,
    Film,
    form_cells,
    keep_cells,
)
from annotation.selectors.rounds.training_cases import (
    SnapshotCase,
    active_sealed_cases,
    is_learned_from,
)
from mlloop.pixels.masks import decode_mask


@dataclass(frozen=True, slots=True)
class ChosenLook:
    """The films of a look, the cell of each, the films retired so far, and the number waiting."""

    cases: tuple[SnapshotCase, ...]
    cells: Mapping[str, int]
    retired: tuple[str, ...]
    waiting: int

    def name_cells(self, measured: Sequence[SealedCase]) -> tuple[SealedCase, ...]:
        """Return the measured films with their cells and the references that were used."""
        references = {case.image: case.reference for case in self.cases}
        return tuple(
            replace(case, cell=self.cells[case.image], reference=references[case.image] or "")
            for case in measured
        )

    def summary(self, measured: Sequence[SealedCase]) -> SealedLook:
        """Return the numbers of films of the look, for people."""
        infected = sum(case.tp + case.fn > 0 for case in measured)
        return SealedLook(infected, len(measured) - infected, self.waiting)


def choose_look(round: Round) -> ChosenLook:
    """Return the films on which a round is measured now; none if too few are read."""
    project = round.project
    label = label_of(project, READING_LABEL)
    active = {case.image: case for case in active_sealed_cases(project, label)}
    before = _evaluation_before(round)
    earlier = {case.image: case for case in before.cases if case.cell} if before else {}
    cells, retired = keep_cells(_by_cell(earlier.values()), active)
    gone = retired | set(before.retired if before else ())
    kept = {image: cell for cell, images in cells.items() for image in images}
    waiting = [
        case
        for case in active.values()
        if is_learned_from(case) and case.image not in kept and case.image not in gone
    ]
    new = _new_cells(waiting, any(earlier[image].tp + earlier[image].fn for image in kept))
    last = max((case.cell for case in earlier.values()), default=0)
    chosen = kept | {
        film.image: number for number, cell in enumerate(new, last + 1) for film in cell
    }
    frozen = _with_references(active, {image: earlier[image].reference for image in kept})
    return ChosenLook(
        cases=tuple(frozen.get(image, case) for image, case in active.items() if image in chosen),
        cells=chosen,
        retired=tuple(sorted(gone)),
        waiting=len(waiting) - sum(len(cell) for cell in new),
    )


def whole_cells_of_both(
    new: Sequence[SealedCase], old: Sequence[SealedCase]
) -> list[tuple[SealedCase, SealedCase]]:
    """Pair the films of two looks, of the newer look's cells that both measured whole."""
    before = {case.image: case for case in old}
    parted = {case.cell for case in new if not _is_same(case, before.get(case.image))}
    return [
        (case, before[case.image])
        for case in sorted(new, key=lambda case: case.image)
        if case.cell not in parted
    ]


def _is_same(case: SealedCase, before: SealedCase | None) -> bool:
    """Say whether a film was measured before against the same reference."""
    if before is None or case.tp + case.fn != before.tp + before.fn:
        return False
    # Looks of older versions do not name their references: equal sizes are taken for equal masks.
    return not before.cell or case.reference == before.reference


def _evaluation_before(round: Round) -> SealedEvaluation | None:
    """Return the newest evaluation of another round that has cells, or has retired some."""
    rounds = round.project.rounds.exclude(pk=round.pk).exclude(evaluation_key="")
    newest_first = rounds.order_by(F("finished_at").desc(nulls_last=True), "-number")
    for key in newest_first.values_list("evaluation_key", flat=True):
        evaluation = SealedEvaluation.from_bytes(storage.read(key))
        if evaluation.retired or any(case.cell for case in evaluation.cases):
            return evaluation
    return None


def _by_cell(cases: Iterable[SealedCase]) -> dict[int, list[str]]:
    cells: dict[int, list[str]] = {}
    for case in cases:
        cells.setdefault(case.cell, []).append(case.image)
    return cells


def _new_cells(waiting: Sequence[SnapshotCase], has_infected: bool) -> list[list[Film]]:
    """Return the cells that the waiting films form.

    Films without infection are measured only beside infected ones: alone they say nothing about
    infection.
    """
    if len(waiting) < MIN_FILMS:
        return []
    images = Image.objects.in_bulk([UUID(case.image) for case in waiting])
    films = [_film(case, images[UUID(case.image)]) for case in waiting]
    infected = form_cells([film for film in films if film.is_infected])
    if not (infected or has_infected):
        return []
    return [*infected, *form_cells([film for film in films if not film.is_infected])]


def _film(case: SnapshotCase, image: Image) -> Film:
    share = _infected_share(case)
    size = "small" if share < SMALL_INFECTION else "large"
    features = (str(image.group), size, str(image.view_position), str(image.source))
    return Film(case.image, share > 0, features)


def _infected_share(case: SnapshotCase) -> float:
    if not case.mask_key or case.verdict == Verdict.NO_INFECTION:
        return 0.0
    mask = decode_mask(storage.read(case.mask_key))
    return float(np.count_nonzero(mask)) / mask.size


def _with_references(
    active: Mapping[str, SnapshotCase], references: Mapping[str, str]
) -> dict[str, SnapshotCase]:
    """Return the cases with the references of an earlier look; no id means an implied control."""
    rows = Reference.objects.in_bulk([pk for pk in references.values() if pk])
    keys = {str(pk): row.mask_key or None for pk, row in rows.items()}
    return {
        image: replace(active[image], reference=pk or None, mask_key=keys[pk] if pk else None)
        for image, pk in references.items()
    }
