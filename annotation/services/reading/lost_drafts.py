"""Keep masks that are not the draft of a case any more for 30 days, and then delete them.

This happens when a save is refused, a curator takes a case from its reader, or a reopened case is
closed. Nothing of a withdrawn image is kept, because its erasure would not find it.

A reader who loses more masks of one image than `LOST_DRAFTS_PER_IMAGE` drops their own oldest, with
an audit row; otherwise one account could fill the disk. The newest is never refused, because the
reader compares it next.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from annotation import storage
from annotation.models import Assignment, Draft, Image, Label, LostDraft
from annotation.selectors.reading.lost_drafts import oldest_kept
from annotation.services import audit
from annotation.services.reading.candidates import Basis


@dataclass(frozen=True, slots=True)
class UnsavedDraft:
    """A mask of a case whose bytes are stored and which no row names yet."""

    assignment: Assignment
    label: Label
    mask_key: str
    stroke: int
    basis: Basis

    @property
    def etag(self) -> str:
        return storage.digest_of(self.mask_key)

    @property
    def fields(self) -> dict[str, object]:
        """The columns of a Draft or a LostDraft with this mask."""
        return {
            "mask_key": self.mask_key,
            "etag": self.etag,
            "stroke": self.stroke,
            "candidate": self.basis.candidate,
            "threshold": self.basis.threshold,
        }


@transaction.atomic
def keep_lost_draft(draft: UnsavedDraft) -> LostDraft | None:
    """Return the lost draft of this mask, made or renewed; None if the image was withdrawn.

    A mask that is refused several times is kept once, with its last basis and last refusal.
    """
    if not lock_image(draft.assignment):
        return None
    rows = LostDraft.objects.filter(
        assignment=draft.assignment,
        label=draft.label,
        etag=draft.etag,
        created_at__gte=oldest_kept(),
    )
    rows.update(created_at=timezone.now(), **draft.fields)
    if known := rows.first():
        return known
    lost = LostDraft.objects.create(assignment=draft.assignment, label=draft.label, **draft.fields)
    _drop_oldest(draft.assignment)
    return lost


def _drop_oldest(assignment: Assignment) -> None:
    """Delete the reader's oldest lost drafts of the image beyond the cap; the image is locked."""
    rows = LostDraft.objects.filter(
        assignment__image=assignment.image_id, assignment__reader=assignment.reader_id
    ).order_by("-created_at", "-id")
    dropped = list(rows.values_list("id", "etag")[settings.LOST_DRAFTS_PER_IMAGE :])
    if not dropped:
        return
    LostDraft.objects.filter(id__in=[lost_id for lost_id, _ in dropped]).delete()
    audit.record(
        project=assignment.project,
        actor=assignment.reader,
        verb="drop_lost_drafts",
        target=assignment.id,
        facts={"dropped": len(dropped), "newest_etag": dropped[0][1]},
    )


def lock_image(assignment: Assignment) -> bool:
    """Make a withdrawal wait until this transaction ends; return False if it is withdrawn."""
    # The update changes nothing; it takes the row's lock.
    image = Image.objects.filter(pk=assignment.image_id, withdrawn_at=None)
    return bool(image.update(withdrawn_at=None))


def keep_current_draft(*, assignment: Assignment, label: Label) -> None:
    """Keep a copy of the saved draft too: the reader may replace it after comparing two masks."""
    draft = Draft.objects.filter(assignment=assignment, label=label).first()
    if draft is not None:
        basis = Basis(draft.candidate, draft.threshold)
        keep_lost_draft(UnsavedDraft(assignment, label, draft.mask_key, draft.stroke, basis))


def purge_lost_drafts() -> int:
    """Delete lost drafts that are no longer kept; return how many.

    `upkeep/unused_files` deletes their bytes.
    """
    deleted, _ = LostDraft.objects.filter(created_at__lt=oldest_kept()).delete()
    return deleted
