"""Each released mask with its biography, and the names under which it is released."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from django.db.models import Prefetch

from annotation.batching import batched
from annotation.errors import NotFound
from annotation.formats import qata
from annotation.models import (
    Annotation,
    Candidate,
    Image,
    Project,
    Proposal,
    Provenance,
    Reference,
    Release,
    Verdict,
)
from annotation.selectors.releases.selection import BATCH, Selection

# Of an assignment's candidates, the manual one: at most one, and only in a pick.
_MANUAL = Prefetch(
    "annotations__assignment__candidates",
    Candidate.objects.exclude(annotation=None).select_related("annotation"),
)
# In order, so that a sum of seconds is the same to its last bit.
_SITTINGS = Prefetch(
    "annotations__assignment__annotations", Annotation.objects.order_by("created_at", "id")
)


@dataclass(frozen=True, slots=True)
class Selected:
    """One released mask before its bytes: the reference, or None for an implied control."""

    image: Image
    reference: Reference | None
    annotation: Annotation | None
    lung: Reference | Proposal | None = None


@dataclass(frozen=True, slots=True)
class MeasuredLung:
    """The lung mask released with an infection mask, and the severity in it."""

    provenance: Literal["reference", "ensemble"]
    round: int | None
    severity: dict[str, object]


def iter_selected(selection: Selection) -> Iterator[Selected]:
    """Yield what was selected, in batches, with everything a biography needs."""
    for batch in batched(_without_lungs(selection), BATCH):
        lungs = _lungs(selection, [selected.image.id for selected in batch])
        for selected in batch:
            yield replace(selected, lung=lungs.get(selected.image.id))


def _lungs(selection: Selection, images: list[UUID]) -> dict[UUID, Reference | Proposal]:
    """Return each image's lung mask: a chosen reference, else the ensemble's of the round."""
    lungs: dict[UUID, Reference | Proposal] = {}
    if round_id := selection.get("lung_round"):
        ensembles = Proposal.objects.filter(
            round_id=round_id, image__in=images, label__key="lung", kind=Proposal.Kind.ENSEMBLE
        )
        lungs |= {row.image_id: row for row in ensembles.select_related("round")}
    chosen = set(selection.get("lungs", []))
    drawn = Reference.objects.filter(image__in=images, label__key="lung").order_by("created_at")
    return lungs | {row.image_id: row for row in drawn if str(row.id) in chosen}


def _without_lungs(selection: Selection) -> Iterator[Selected]:
    for ids in batched(selection["references"], BATCH):
        references = (
            Reference.objects.filter(id__in=ids)
            .select_related("image__patient", "image__study", "image__project", "label")
            .prefetch_related("annotations__proposal", "annotations__round", _MANUAL, _SITTINGS)
            .order_by("image_id")
        )
        for reference in references:
            made_from = sorted(reference.annotations.all(), key=lambda row: row.created_at)
            yield Selected(reference.image, reference, made_from[-1] if made_from else None)
    for ids in batched(selection["controls"], BATCH):
        for image in (
            Image.objects.filter(id__in=ids)
            .select_related("patient", "study", "project")
            .order_by("id")
        ):
            yield Selected(image, None, None)


def released_name(image: Image) -> str:
    """Return a name that is the same in every version and tells neither file nor image id."""
    return pseudonym(image.project, image.group, image.id).replace("-", "_")


def pseudonym(project: Project, kind: str, subject: object) -> str:
    """Return a pseudonym, the same in every version, that cannot be undone without the salt."""
    digest = hmac.new(project.salt.encode(), f"{kind}:{subject}".encode(), hashlib.sha256)
    return f"{kind}-{digest.hexdigest()[:16]}"


def biography(
    selected: Selected, *, infected_pixels: int, lung: MeasuredLung | None = None
) -> qata.ReleasedMask:
    """Return everything the manifest says of one mask."""
    image, annotation = selected.image, selected.annotation
    name = released_name(image)
    proposal = annotation.proposal if annotation else None
    manual = _manual_candidate(annotation) if annotation else None
    return qata.ReleasedMask(
        image=qata.image_path(name),
        mask=qata.mask_path(name),
        label="infection",
        width=image.width,
        height=image.height,
        bits=image.bits,
        group=image.group,
        view=image.view_position,
        day=image.study.day,
        patient=pseudonym(image.project, "patient", image.patient_id),
        split=image.patient.split,
        fold=image.patient.fold,
        infected_pixels=infected_pixels,
        verdict=selected.reference.verdict if selected.reference else Verdict.CONTROL.value,
        method=selected.reference.method if selected.reference else "control",
        provenance=annotation.provenance if annotation else Provenance.AUTOMATIC.value,
        round=annotation.round.number if annotation and annotation.round else None,
        candidate=_candidate(annotation, proposal),
        drawn_by=_reader(image, manual),
        network=proposal.network if proposal else None,
        threshold=annotation.threshold if annotation else None,
        reader=_reader(image, annotation),
        origin=_origin(annotation, manual),
        licence=image.licence,
        edit=_edit(annotation),
        lung_mask=qata.lung_path(name) if lung else None,
        lung_provenance=lung.provenance if lung else None,
        lung_round=lung.round if lung else None,
        severity=lung.severity if lung else None,
    )


def _candidate(annotation: Annotation | None, proposal: Proposal | None) -> str:
    """Name what the mask was made from: a proposal's kind, a manual mask, or nothing."""
    if proposal:
        return proposal.kind
    return "manual" if annotation and annotation.is_from_manual else "none"


def _manual_candidate(annotation: Annotation) -> Annotation | None:
    """Return the manual mask that this one was made from; None where it was made otherwise."""
    if annotation.assignment is None or not annotation.is_from_manual:
        return None
    offered = list(annotation.assignment.candidates.all())
    return offered[0].annotation if offered else None


def _origin(annotation: Annotation | None, manual: Annotation | None) -> str:
    if annotation is None:
        return "implied by the image's group"
    return annotation.origin or (manual.origin if manual else "")


def _reader(image: Image, annotation: Annotation | None) -> str | None:
    if annotation is None or annotation.reader_id is None:
        return None
    return pseudonym(image.project, "reader", annotation.reader_id)


def _edit(annotation: Annotation | None) -> qata.EditFigures | None:
    if annotation is None:
        return None
    sittings = _sittings(annotation)
    return qata.EditFigures(
        added_pixels=annotation.added_pixels,
        removed_pixels=annotation.removed_pixels,
        redrawn_contour=annotation.redrawn_contour,
        agreement=annotation.agreement,
        active_seconds=sum(row.active_seconds for row in sittings),
        strokes=sum(row.strokes for row in sittings),
    )


def _sittings(annotation: Annotation) -> list[Annotation]:
    """Return what the reader submitted on the case up to this: each has seconds of its own."""
    if annotation.assignment is None:
        return [annotation]
    submitted = annotation.assignment.annotations.all()
    return [row for row in submitted if row.created_at <= annotation.created_at]


def next_version(project: Project) -> str:
    """Suggest the version after the newest one: the next minor."""
    versions = project.releases.values_list("version", flat=True)
    numbers = [tuple(int(part) for part in version.split(".")) for version in versions]
    if not numbers:
        return "1.0.0"
    major, minor, _ = max(numbers)
    return f"{major}.{minor + 1}.0"


def release_of(project: Project, version: str) -> Release:
    """Return one version; raise NotFound where there is none."""
    release = Release.objects.filter(project=project, version=version).first()
    if release is None:
        raise NotFound(f"There is no release {version} in this project.")
    release.project = project
    return release
