"""Append a submitted annotation to the chain of reference masks of its image."""

from __future__ import annotations

from annotation.errors import Conflict
from annotation.models import Annotation, Assignment, Proposal, Reference, ReferenceSource
from annotation.selectors.reading.last_cases import SUPERSEDED


def append_reference(annotation: Annotation) -> Reference:
    """Make the annotation the reference of its image; the former reference stays in the chain.

    The chain's unique constraints refuse a fork. A case that is submitted again may only replace
    the reference that it made itself: Conflict if another annotation is the reference now.
    """
    current = Reference.objects.filter(
        image=annotation.image, label=annotation.label, superseded_by=None
    ).first()
    if annotation.supersedes_id and (
        current is None or not current.annotations.filter(id=annotation.supersedes_id).exists()
    ):
        raise Conflict(SUPERSEDED.sentence, code=SUPERSEDED.code)
    is_pick = annotation.purpose == Assignment.Purpose.PICK
    reference = Reference.objects.create(
        project=annotation.project,
        image=annotation.image,
        label=annotation.label,
        method=Reference.Method.PICK if is_pick else Reference.Method.SINGLE,
        verdict=annotation.verdict,
        mask_key=annotation.mask_key,
        supersedes=current,
    )
    ReferenceSource.objects.create(reference=reference, annotation=annotation)
    Proposal.objects.filter(image=annotation.image, label=annotation.label, is_waiting=True).update(
        is_waiting=False
    )
    return reference
