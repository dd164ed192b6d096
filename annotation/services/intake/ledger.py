"""Give each patient a split and a fold, once and for ever, with a row in the append-only ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Case, Count, Exists, OuterRef, Value, When

from annotation.models import Image, Patient, Project, Split, SplitEntry
from annotation.selectors.reading.worklist import reading_order
from mlloop.contract.splits import LedgerCell, PatientRow, assign_splits, patient_group


@dataclass(frozen=True, slots=True)
class Placement:
    """The patients that were asked for, by key, and the new ones among them."""

    patients: Mapping[str, Patient]
    made: Sequence[Patient] = ()


class Ledger:
    """The number of patients in each cell, kept up to date while one import runs."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._cells = _count_cells(project)

    def place(self, groups: Mapping[str, Iterable[str]]) -> Placement:
        """Return the patients of these keys; make the new ones. An existing patient is never moved.

        `groups` names the image groups of each key. Call it inside the transaction of their images,
        and `keep` with the new patients after it.
        """
        rows = Patient.objects.filter(project=self._project, key__in=list(groups))
        known = {patient.key: patient for patient in rows}
        new = [
            PatientRow(key, patient_group(of_images))
            for key, of_images in groups.items()
            if key not in known
        ]
        if not new:
            return Placement(known)
        places = assign_splits(
            new,
            ledger=self._cells,
            sealed_fraction=self._project.sealed_fraction,
            sealed_cap=self._project.sealed_cap,
            folds=self._project.folds,
            seed=self._project.split_seed,
        )
        made = [
            Patient(
                project=self._project,
                key=key,
                split=place.split,
                fold=place.fold,
                reading_order=reading_order(split_seed=self._project.split_seed, key=key),
            )
            for key, place in places.items()
        ]
        Patient.objects.bulk_create(made)
        SplitEntry.objects.bulk_create(
            SplitEntry(patient=patient, split=patient.split, fold=patient.fold, reason="intake")
            for patient in made
        )
        return Placement(known | {patient.key: patient for patient in made}, made)

    def recount(self) -> None:
        """Count the rows again, after another import has added some."""
        self._cells = _count_cells(self._project)

    def keep(self, patients: Iterable[Patient], groups: Mapping[str, Iterable[str]]) -> None:
        """Count patients whose rows are committed."""
        for patient in patients:
            group = patient_group(groups[patient.key])
            self._cells[
                LedgerCell(
                    group, "sealed" if patient.split == Split.SEALED else "train", patient.fold
                )
            ] += 1


def groups_by_patient(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Collect (patient key, image group) pairs."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for key, group in pairs:
        groups[key].add(group)
    return dict(groups)


def _count_cells(project: Project) -> Counter[LedgerCell]:
    images = Image.objects.filter(patient=OuterRef("pk"))
    group = Case(
        When(Exists(images.filter(group="covid")), then=Value("covid")),
        When(Exists(images.exclude(group="normal")), then=Value("other")),
        default=Value("normal"),
    )
    rows = (
        Patient.objects.filter(project=project)
        .annotate(group=group)
        .values_list("group", "split", "fold")
        .annotate(n=Count("pk"))
    )
    return Counter(
        {
            LedgerCell(group, "sealed" if split == Split.SEALED else "train", fold): n
            for group, split, fold, n in rows
        }
    )
