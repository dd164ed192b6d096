"""The cases that a round learns from and proposes on, and the sealed cases that judge it.

Sealed patients never enter a snapshot: the only query of its cases asks for the train split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django.db.models import QuerySet

from annotation.models import Image, Label, Patient, Project, Reference, Split, Verdict
from annotation.selectors.labels import labels_of
from mlloop.contract.architectures import LabelKey
from mlloop.contract.records import canonical_json, from_plain
from mlloop.contract.splits import Group

POSITIVE = frozenset({Verdict.PICKED, Verdict.CORRECTED, Verdict.REDRAWN})


@dataclass(frozen=True, slots=True)
class SnapshotCase:
    """One image as it was when the round was planned; `fold` is from the project's ledger."""

    image: str
    patient: str
    group: Group
    fold: int
    pixels_key: str
    height: int
    width: int
    mask_key: str | None
    reference: str | None
    verdict: str
    spacing_mm: float | None = None

    @property
    def is_positive(self) -> bool:
        """Whether a reader drew or accepted a mask here."""
        return self.verdict in POSITIVE


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The cases that a round trains on and proposes on, frozen as JSON when it is planned.

    `train` has the infection references. `lung` has the lung references, perhaps of other images.
    """

    project: str
    label: str
    train: tuple[SnapshotCase, ...]
    propose: tuple[SnapshotCase, ...]
    schema: int = 1
    lung: tuple[SnapshotCase, ...] = ()

    def train_of(self, label: LabelKey) -> tuple[SnapshotCase, ...]:
        """Return the cases on which the networks of a label are trained."""
        return self.lung if label == "lung" else self.train

    def to_bytes(self) -> bytes:
        """Return the canonical bytes for storage."""
        return canonical_json(self)

    @classmethod
    def from_plain(cls, data: object) -> Snapshot:
        """Check decoded JSON and build the snapshot."""
        return from_plain(cls, data)


def patient_hash(project_id: UUID, key: str) -> str:
    """Return the pseudonym under which the learning side knows a patient."""
    return hashlib.sha256(f"{project_id}:{key}".encode()).hexdigest()[:32]


def current_snapshot(project: Project, label: Label) -> Snapshot:
    """Return the current train split: references, implied controls, and images to propose on."""
    cases = tuple(_cases(project, label, Split.TRAIN))
    return Snapshot(
        project=str(project.id),
        label=str(label.id),
        train=tuple(case for case in cases if is_learned_from(case)),
        propose=tuple(case for case in cases if is_proposed_on(case)),
        lung=_lung_cases(project),
    )


def _lung_cases(project: Project) -> tuple[SnapshotCase, ...]:
    """Return the train images with a lung mask. There are no implied controls for lungs."""
    lung = labels_of(project).filter(key="lung").first()
    cases = _cases(project, lung, Split.TRAIN) if lung else ()
    return tuple(case for case in cases if case.mask_key)


def is_learned_from(case: SnapshotCase) -> bool:
    """Return whether a case has a reference that counts, or is an implied control."""
    return case.verdict not in {"", Verdict.EXCLUDED}


def is_proposed_on(case: SnapshotCase) -> bool:
    """Return whether readers may need a proposal: not for controls, and not for excluded images."""
    if case.verdict in {Verdict.CONTROL, Verdict.EXCLUDED}:
        return False
    return case.group == "covid" or case.verdict != ""


def sealed_cases(project: Project, label: Label) -> tuple[SnapshotCase, ...]:
    """Return the sealed images with a reference and the sealed controls; empty before a reading.

    Controls alone are not measured, because they say nothing about infection.
    """
    cases = tuple(case for case in active_sealed_cases(project, label) if is_learned_from(case))
    return cases if any(case.reference for case in cases) else ()


def active_sealed_cases(project: Project, label: Label) -> tuple[SnapshotCase, ...]:
    """Return every sealed image that is not withdrawn, with its current reference if it has one."""
    return tuple(_cases(project, label, Split.SEALED))


def usable_images(project: Project) -> QuerySet[Image]:
    """Return the images that may be learned from and proposed on now."""
    return _images(project, Split.TRAIN)


def withdrawn_since(project: Project, cases: tuple[SnapshotCase, ...]) -> frozenset[str]:
    """Return the images of `cases` that are no longer in the project's usable train split."""
    usable = {str(pk) for pk in usable_images(project).values_list("id", flat=True)}
    return frozenset(case.image for case in cases if case.image not in usable)


def _images(project: Project, split: Split) -> QuerySet[Image]:
    return Image.objects.filter(
        project=project,
        withdrawn_at=None,
        patient__split=split,
        patient__state=Patient.State.ACTIVE,
    )


def _cases(project: Project, label: Label, split: Split) -> Iterator[SnapshotCase]:
    """Yield every usable image of a split, in the order of its pixels' hash."""
    references = {
        row["image_id"]: row
        for row in Reference.objects.filter(
            project=project, label=label, superseded_by=None, image__patient__split=split
        ).values("id", "image_id", "verdict", "mask_key")
    }
    images = _images(project, split).select_related("patient").order_by("pixel_sha256")
    for image in images.iterator(chunk_size=2000):
        reference = references.get(image.id)
        implied = Verdict.CONTROL if image.group == Image.Group.NORMAL else ""
        yield SnapshotCase(
            image=str(image.id),
            patient=patient_hash(project.id, image.patient.key),
            group=cast("Group", image.group),
            fold=image.patient.fold,
            pixels_key=image.pixels_key,
            height=image.height,
            width=image.width,
            mask_key=(reference["mask_key"] or None) if reference else None,
            reference=str(reference["id"]) if reference else None,
            verdict=str(reference["verdict"] if reference else implied),
            spacing_mm=image.spacing_mm,
        )
