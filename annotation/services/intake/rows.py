"""Write the rows of one group of images in one short transaction; no file is touched here.

Only the robot reader reads the truth rows that are written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid5

from django.db import transaction

from annotation.models import (
    Annotation,
    Assignment,
    Image,
    Label,
    Patient,
    Project,
    Provenance,
    Reference,
    ReferenceSource,
    Split,
    Study,
    Truth,
    Verdict,
)
from annotation.selectors.labels import READING_LABEL, labels_of
from annotation.services.intake.files import StoredImage, StoredMask, StoredMasks
from annotation.services.intake.ledger import Ledger, Placement, groups_by_patient
from annotation.services.intake.report import IntakeReport

MasksAs = Literal["seed", "truth"]
PATIENT_WITHDRAWN = "Its patient was withdrawn from this project."


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image of the project that an import offers again, and the labels of its masks."""

    image: Image
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class MasksOfImage:
    """Masks for one image row; `origin` names their source."""

    image: Image
    masks: StoredMasks
    origin: str

    def without(self, labels: frozenset[str]) -> MasksOfImage:
        """Return a copy without the masks of these labels."""
        left = {key: mask for key, mask in self.masks.by_label.items() if key not in labels}
        return MasksOfImage(self.image, StoredMasks(left, self.masks.refused), self.origin)


class RowWriter:
    """Write the rows of one import into its project."""

    def __init__(self, project: Project, masks_as: MasksAs, report: IntakeReport) -> None:
        self.ledger = Ledger(project)
        self._project = project
        self._masks_as = masks_as
        self._report = report
        self._labels = {label.key: label for label in labels_of(project)}

    def known_images(self, hashes: Iterable[str]) -> dict[str, KnownImage]:
        """Return the project's images with these pixel hashes; four queries at most."""
        rows = Image.objects.filter(project=self._project, pixel_sha256__in=list(hashes))
        images = list(rows.select_related("patient"))
        references = Reference.objects.filter(image__in=images)
        pairs = list(references.values_list("image_id", "label__key"))
        if self._masks_as == "truth":
            pairs = [pair for pair in pairs if not self._is_truth(pair[1])]
            truths = Truth.objects.filter(image__in=images).values_list("image_id", "label__key")
            pairs += [pair for pair in truths if self._is_truth(pair[1])]
        have = groups_by_patient((str(image_id), key) for image_id, key in pairs)
        return {
            image.pixel_sha256: KnownImage(image, frozenset(have.get(str(image.id), ())))
            for image in images
        }

    def write(self, stored: Sequence[StoredImage], offered: Sequence[MasksOfImage]) -> None:
        """Commit the rows of new images with their masks, and of masks that known images lacked."""
        keys = {image.sha256: _patient_key(image) for image in stored}
        groups = groups_by_patient((keys[image.sha256], image.offer.group) for image in stored)
        with transaction.atomic():
            placed = self.ledger.place(groups)
            owners = {sha256: placed.patients[key] for sha256, key in keys.items()}
            added = [s for s in stored if owners[s.sha256].state != Patient.State.WITHDRAWN]
            rows = _write_images(self._project, added, owners)
            new = [MasksOfImage(rows[s.sha256], s.masks, s.offer.mask_origin) for s in added]
            masks = self._masks_to_write([*new, *offered])
            self._write_masks([mask for mask in masks if not mask.is_implied])
        # After the commit: a transaction that was rolled back must not be counted.
        self.ledger.count_committed(placed.created, groups)
        self._count_images(stored, added, placed)
        self._count_masks(masks, offered)

    def _is_truth(self, key: str) -> bool:
        """Say whether masks of this label are hidden; lung masks never are: networks need them."""
        return self._masks_as == "truth" and key == READING_LABEL

    def _masks_to_write(self, offered: Sequence[MasksOfImage]) -> list[_MaskRow]:
        return [
            _MaskRow(
                image=of_image.image,
                label=self._labels[key],
                mask=mask,
                origin=of_image.origin,
                # An empty mask of a control adds nothing to its group, so no read is written.
                is_implied=not self._is_truth(key)
                and mask.is_empty
                and of_image.image.group == Image.Group.NORMAL,
            )
            for of_image in offered
            for key, mask in of_image.masks.by_label.items()
        ]

    def _write_masks(self, masks: Sequence[_MaskRow]) -> None:
        hidden = [row for row in masks if self._is_truth(row.label.key)]
        shown = [row for row in masks if not self._is_truth(row.label.key)]
        _write_seed_reads(self._project, shown)
        Truth.objects.bulk_create(
            Truth(
                image=row.image,
                label=row.label,
                mask_key=row.mask.key,
                origin=_shortened(row.origin, 255),
            )
            for row in hidden
        )

    def _count_images(
        self, stored: Sequence[StoredImage], added: Sequence[StoredImage], placed: Placement
    ) -> None:
        report = self._report
        report.patients += len(placed.created)
        report.sealed_patients += sum(p.split == Split.SEALED for p in placed.created)
        report.added += len(added)
        report.groups.update(image.offer.group for image in added)
        hashes = {image.sha256 for image in added}
        for image in stored:
            report.refuse_all(image.masks.refused)
            if image.sha256 not in hashes:
                report.refuse(image.offer.name, "withdrawn", PATIENT_WITHDRAWN)

    def _count_masks(self, masks: Sequence[_MaskRow], offered: Sequence[MasksOfImage]) -> None:
        self._report.masks.update(row.label.key for row in masks if not row.is_implied)
        self._report.implied_controls += sum(row.is_implied for row in masks)
        for of_image in offered:
            self._report.refuse_all(of_image.masks.refused)


@dataclass(frozen=True, slots=True)
class _MaskRow:
    image: Image
    label: Label
    mask: StoredMask
    origin: str
    is_implied: bool


def _patient_key(image: StoredImage) -> str:
    """Return the patient's key.

    An image without a patient gets a key made from its hash: the same film under another file name
    then has the same patient.
    """
    return image.offer.patient or f"image-{image.sha256[:32]}"


def _write_images(
    project: Project, stored: Sequence[StoredImage], owners: Mapping[str, Patient]
) -> dict[str, Image]:
    studies = _studies({(owners[s.sha256], s.offer.day) for s in stored})
    rows = [
        _image_row(project, s, owners[s.sha256], studies[owners[s.sha256].id, s.offer.day])
        for s in stored
    ]
    Image.objects.bulk_create(rows)
    return {row.pixel_sha256: row for row in rows}


def _studies(wanted: set[tuple[Patient, int | None]]) -> dict[tuple[UUID, int | None], Study]:
    """Return the study of each patient and day; create the missing ones."""
    rows = Study.objects.filter(patient__in={patient for patient, _ in wanted})
    studies = {(study.patient_id, study.day): study for study in rows}
    made = [
        Study(patient=patient, day=day)
        for patient, day in wanted
        if (patient.id, day) not in studies
    ]
    Study.objects.bulk_create(made)
    return studies | {(study.patient_id, study.day): study for study in made}


def _image_row(project: Project, stored: StoredImage, patient: Patient, study: Study) -> Image:
    offer = stored.offer
    return Image(
        project=project,
        study=study,
        patient=patient,
        group=offer.group,
        view_position=offer.view,
        width=stored.width,
        height=stored.height,
        bits=stored.bits,
        window_center=stored.window.center,
        window_width=stored.window.width,
        pixel_sha256=stored.sha256,
        perceptual_hash=stored.perceptual_hash,
        pixels_key=stored.pixels_key,
        preview_key=stored.preview_key,
        thumbnail_key=stored.thumbnail_key,
        file_name=_shortened(offer.name, 255),
        source=_shortened(offer.source, 100),
        finding=_shortened(offer.finding, 255),
        licence=_shortened(offer.licence, 255),
    )


def _write_seed_reads(project: Project, masks: Sequence[_MaskRow]) -> None:
    reads = [_seed_read(project, row) for row in masks]
    references = [
        Reference(
            project=project,
            image=read.image,
            label=read.label,
            method=Reference.Method.SINGLE,
            verdict=read.verdict,
            mask_key=read.mask_key,
        )
        for read in reads
    ]
    Annotation.objects.bulk_create(reads)
    Reference.objects.bulk_create(references)
    ReferenceSource.objects.bulk_create(
        ReferenceSource(reference=reference, annotation=read)
        for reference, read in zip(references, reads, strict=True)
    )


def _seed_read(project: Project, row: _MaskRow) -> Annotation:
    """Return the annotation of an imported mask, which has no reader.

    Its client id follows from image and label, so the database refuses a second annotation.
    """
    purpose = Assignment.Purpose
    return Annotation(
        project=project,
        image=row.image,
        label=row.label,
        client_id=uuid5(project.id, f"import {row.image.id} {row.label.key}"),
        purpose=purpose.SEALED if row.image.patient.split == Split.SEALED else purpose.SEED,
        verdict=Verdict.NO_INFECTION if row.mask.is_empty else Verdict.REDRAWN,
        provenance=Provenance.MANUAL,
        mask_key=row.mask.key,
        origin=_shortened(f"import: {row.origin or 'not stated'}", 255),
    )


def _shortened(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
