"""Read the references and controls of a selection, with everything that a biography needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Prefetch

from annotation.batching import batched
from annotation.models import Annotation, Candidate, Image, Proposal, Reference
from annotation.selectors.releases.selection import BATCH, Selection

# The manual candidate of an assignment: there is at most one, and only in a pick.
_MANUAL = Prefetch(
    "annotations__assignment__candidates",
    Candidate.objects.exclude(annotation=None).select_related("annotation"),
)
# In a fixed order, so that the sum of the seconds is always the same to its last bit.
_SUBMITTED = Prefetch(
    "annotations__assignment__annotations", Annotation.objects.order_by("created_at", "id")
)


@dataclass(frozen=True, slots=True)
class Selected:
    """One image of a release. Without a reference it is a control, and its mask is empty."""

    image: Image
    reference: Reference | None
    annotation: Annotation | None
    lung: Reference | Proposal | None = None


def iter_selected(selection: Selection) -> Iterator[Selected]:
    """Yield the selected images in the order of the selection; rows are read in batches."""
    for batch in batched(_without_lungs(selection), BATCH):
        lungs = _lungs(selection, [selected.image.id for selected in batch])
        for selected in batch:
            yield replace(selected, lung=lungs.get(selected.image.id))


def _lungs(selection: Selection, images: list[UUID]) -> dict[UUID, Reference | Proposal]:
    """Return the lung masks by image: a selected reference, else the ensemble's proposal."""
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
            .prefetch_related("annotations__proposal", "annotations__round", _MANUAL, _SUBMITTED)
            .order_by("image_id")
        )
        for reference in references:
            annotations = sorted(reference.annotations.all(), key=lambda row: row.created_at)
            yield Selected(reference.image, reference, annotations[-1] if annotations else None)
    for ids in batched(selection["controls"], BATCH):
        for image in (
            Image.objects.filter(id__in=ids)
            .select_related("patient", "study", "project")
            .order_by("id")
        ):
            yield Selected(image, None, None)
