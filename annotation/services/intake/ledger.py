"""Give each new patient a split and a fold for ever, with a row in the append-only ledger."""

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
    """Patients by key, and the patients among them that were created now."""

    patients: Mapping[str, Patient]
    created: Sequence[Patient] = ()


class Ledger:
    """The number of patients in each cell, kept up to date while one import runs."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._cells = _count_cells(project)

    def place(self, groups: Mapping[str, Iterable[str]]) -> Placement:
        """Return the patients with these keys; create the missing ones.

        `groups` holds the groups of the offered images by patient key. An existing patient keeps
        its split and fold. Call this inside the transaction that writes the images, and
        `count_committed` with the created patients after it.
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
        created = [
            Patient(
                project=self._project,
                key=key,
                split=place.split,
                fold=place.fold,
                reading_order=reading_order(split_seed=self._project.split_seed, key=key),
            )
            for key, place in places.items()
        ]
        Patient.objects.bulk_create(created)
        SplitEntry.objects.bulk_create(
            SplitEntry(patient=patient, split=patient.split, fold=patient.fold, reason="intake")
            for patient in created
        )
        return Placement(known | {patient.key: patient for patient in created}, created)

    def recount(self) -> None:
        """Count the rows again, after another import has added patients."""
        self._cells = _count_cells(self._project)

    def count_committed(
        self, patients: Iterable[Patient], groups: Mapping[str, Iterable[str]]
    ) -> None:
        """Add patients to the counts, after their rows were committed."""
        for patient in patients:
            group = patient_group(groups[patient.key])
            self._cells[
                LedgerCell(
                    group, "sealed" if patient.split == Split.SEALED else "train", patient.fold
                )
            ] += 1


def groups_by_patient(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the image groups of each patient key, from (patient key, image group) pairs."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for key, group in pairs:
        groups[key].add(group)
    return dict(groups)


def _count_cells(project: Project) -> Counter[LedgerCell]:
    """Return the number of the project's patients by group, split and fold."""
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
