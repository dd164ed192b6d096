"""Keep the masks that lost a race, 30 days from the last refusal, and then forget them.

Nothing is kept of an image that was withdrawn: an erasure would not find it any more.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from annotation import storage
from annotation.models import Assignment, Draft, Image, Label, LostDraft
from annotation.selectors.reading.lost_drafts import kept_since
from annotation.services.reading.candidates import Basis


@dataclass(frozen=True, slots=True)
class Drawing:
    """One mask of a case: its bytes are stored, the row that is to name them is not."""

    assignment: Assignment
    label: Label
    mask_key: str
    stroke: int
    basis: Basis

    @property
    def etag(self) -> str:
        return storage.digest_of(self.mask_key)

    @property
    def content(self) -> dict[str, object]:
        """What every row that keeps this mask says of it."""
        return {
            "mask_key": self.mask_key,
            "etag": self.etag,
            "stroke": self.stroke,
            "candidate": self.basis.candidate,
            "threshold": self.basis.threshold,
        }


@transaction.atomic
def keep(drawing: Drawing) -> LostDraft | None:
    """Keep a mask once, however often it is refused, with the base it was last said to have.

    Its days count from the last refusal. None where the image was withdrawn: nothing is kept.
    """
    if not hold_image(drawing.assignment):
        return None
    rows = LostDraft.objects.filter(
        assignment=drawing.assignment,
        label=drawing.label,
        etag=drawing.etag,
        created_at__gte=kept_since(),
    )
    rows.update(created_at=timezone.now(), **drawing.content)
    return rows.first() or LostDraft.objects.create(
        assignment=drawing.assignment, label=drawing.label, **drawing.content
    )


def hold_image(assignment: Assignment) -> bool:
    """Let a withdrawal wait until this transaction ends; return False where it came before."""
    # The write changes nothing; its lock is what counts.
    image = Image.objects.filter(pk=assignment.image_id, withdrawn_at=None)
    return bool(image.update(withdrawn_at=None))


def keep_current(*, assignment: Assignment, label: Label) -> None:
    """Keep the draft besides: a reader who looks at two masks may put another in its place."""
    draft = Draft.objects.filter(assignment=assignment, label=label).first()
    if draft is not None:
        basis = Basis(draft.candidate, draft.threshold)
        keep(Drawing(assignment, label, draft.mask_key, draft.stroke, basis))


def purge_lost_drafts() -> int:
    """Forget masks that lost a race longer ago than they are kept; return how many.

    `upkeep/unused_files` deletes their bytes.
    """
    deleted, _ = LostDraft.objects.filter(created_at__lt=kept_since()).delete()
    return deleted
