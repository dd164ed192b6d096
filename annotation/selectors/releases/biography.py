"""The biography of each released mask, and the pseudonyms under which images and people appear."""

from __future__ import annotations

import hashlib
import hmac

from annotation.formats.released import EditFigures, ReleasedImage, ReleasedLung
from annotation.models import Annotation, Image, Project, Proposal, Provenance, Verdict
from annotation.selectors.blindness import was_read_blind
from annotation.selectors.releases.selected import Selected


def released_name(image: Image) -> str:
    """Return the image's name in every version; it reveals neither its file nor its id."""
    return pseudonym(image.project, image.group, image.id).replace("-", "_")


def pseudonym(project: Project, kind: str, subject: object) -> str:
    """Return a pseudonym, the same in every version. Nobody can reverse it without the salt."""
    digest = hmac.new(project.salt.encode(), f"{kind}:{subject}".encode(), hashlib.sha256)
    return f"{kind}-{digest.hexdigest()[:16]}"


def released_image(
    selected: Selected, *, infected_pixels: int, lung: ReleasedLung | None = None
) -> ReleasedImage:
    """Return the record of one image: its facts, and how its mask was made."""
    image, annotation = selected.image, selected.annotation
    proposal = annotation.proposal if annotation else None
    manual = _manual_candidate(annotation) if annotation else None
    return ReleasedImage(
        name=released_name(image),
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
        drawn_by=_reader_pseudonym(image, manual),
        network=proposal.network if proposal else None,
        threshold=annotation.threshold if annotation else None,
        reader=_reader_pseudonym(image, annotation),
        origin=_origin(annotation, manual),
        licence=image.licence,
        edit=_edit_figures(annotation),
        lung=lung,
        blind=was_read_blind(image.project, annotation),
    )


def _candidate(annotation: Annotation | None, proposal: Proposal | None) -> str:
    """Return what the mask was made from: a proposal's kind, `manual`, or `none`."""
    if proposal:
        return proposal.kind
    return "manual" if annotation and annotation.is_from_manual else "none"


def _manual_candidate(annotation: Annotation) -> Annotation | None:
    """Return the manual candidate from which the mask was made, or None."""
    if annotation.assignment is None or not annotation.is_from_manual:
        return None
    offered = list(annotation.assignment.candidates.all())
    return offered[0].annotation if offered else None


def _origin(annotation: Annotation | None, manual: Annotation | None) -> str:
    if annotation is None:
        return "implied by the image's group"
    return annotation.origin or (manual.origin if manual else "")


def _reader_pseudonym(image: Image, annotation: Annotation | None) -> str | None:
    if annotation is None or annotation.reader_id is None:
        return None
    return pseudonym(image.project, "reader", annotation.reader_id)


def _edit_figures(annotation: Annotation | None) -> EditFigures | None:
    if annotation is None:
        return None
    submitted = _submitted_until(annotation)
    return EditFigures(
        added_pixels=annotation.added_pixels,
        removed_pixels=annotation.removed_pixels,
        redrawn_contour=annotation.redrawn_contour,
        agreement=annotation.agreement,
        active_seconds=sum(row.active_seconds for row in submitted),
        strokes=sum(row.strokes for row in submitted),
    )


def _submitted_until(annotation: Annotation) -> list[Annotation]:
    """Return the annotations of the case up to this one; each counts only its own seconds."""
    if annotation.assignment is None:
        return [annotation]
    submitted = annotation.assignment.annotations.all()
    return [row for row in submitted if row.created_at <= annotation.created_at]
