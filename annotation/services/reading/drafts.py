"""Save the reader's mask so far; a save that loses a race is refused and both masks are kept.

The ETag is the sha256 of the mask's canonical bytes, so the same drawing has the same ETag. What
the mask was made from stands beside it and is replaced by every save, of the same drawing too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation import storage
from annotation.errors import (
    Conflict,
    Invalid,
    LeaseLost,
    NotFound,
    PreconditionRequired,
    StaleDraft,
)
from annotation.models import Assignment, Draft, Image, Label, LostDraft, User
from annotation.services.reading import leases, lost_drafts
from annotation.services.reading.candidates import basis_of
from annotation.services.reading.lost_drafts import Drawing
from mlloop.pixels.masks import MaskError, decode_mask, encode_mask

MAX_STROKE = 2_000_000_000


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """What a save came to."""

    etag: str
    stroke: int
    lease_expires_at: datetime
    is_new: bool


def save_draft(
    *,
    assignment: Assignment,
    reader: User,
    label: Label,
    png: bytes,
    if_match: str | None,
    if_none_match: str | None = None,
    stroke: int = 0,
    candidate: UUID | None = None,
    threshold: int | None = None,
) -> SavedDraft:
    """Store the whole mask if the draft is still the one named by `if_match` (first: `*`).

    `candidate`, at `threshold`, is what the mask was made from; without one it was drawn. The same
    mask again succeeds. Raises PreconditionRequired, Invalid, LeaseLost, StaleDraft, which names
    both masks, and Conflict where the image was withdrawn: then nothing is stored.
    """
    if if_match is None and if_none_match != "*":
        raise PreconditionRequired(
            "Say which draft this replaces: If-Match with its ETag, or If-None-Match: * at first."
        )
    if not 0 <= stroke <= MAX_STROKE:
        raise Invalid("The stroke number must be 0 or more.", field="stroke")
    _check_not_withdrawn(assignment)
    basis = basis_of(assignment=assignment, candidate=candidate, threshold=threshold)
    mask_key, is_over_tombstone = _store(assignment, png)
    save = Drawing(assignment, label, mask_key, stroke, basis)
    try:
        with transaction.atomic():
            expires_at = leases.renew(assignment=assignment, reader=reader, has_draft=True)
            is_new = if_match is None and _create(save)
            is_saved = is_new or _replace(save, if_match)
    except (LeaseLost, Conflict):
        # The lease is gone, the drawing is not.
        _keep_refused(save, is_over_tombstone=is_over_tombstone)
        raise
    if not is_saved:
        raise _stale(save, _keep_refused(save, is_over_tombstone=is_over_tombstone))
    return SavedDraft(save.etag, stroke, expires_at, is_new)


def current_draft(*, assignment: Assignment, label: Label) -> Draft:
    """Return the draft of one label; raise NotFound where nothing is drawn yet."""
    draft = Draft.objects.filter(assignment=assignment, label=label).first()
    if draft is None:
        raise NotFound("Nothing is drawn on this case yet.")
    return draft


def _store(assignment: Assignment, png: bytes) -> tuple[str, bool]:
    """Store the mask; return its key, and whether it came over a tombstone."""
    image = assignment.image
    try:
        mask = decode_mask(png, shape=(image.height, image.width))
    except MaskError as error:
        raise Invalid(str(error), code="invalid_mask", field="mask") from None
    return storage.put_over(assignment.project_id, encode_mask(mask))


def _create(save: Drawing) -> bool:
    try:
        with transaction.atomic():
            Draft.objects.create(
                assignment=save.assignment,
                label=save.label,
                updated_at=timezone.now(),
                **save.content,
            )
    except IntegrityError:
        return False
    return True


def _replace(save: Drawing, if_match: str | None) -> bool:
    """Move the draft on from `if_match`; the same content again counts as moved."""
    rows = Draft.objects.filter(assignment=save.assignment, label=save.label)
    bases = [save.etag] if if_match is None else [save.etag, if_match]
    return bool(rows.filter(etag__in=bases).update(updated_at=timezone.now(), **save.content))


def _stale(save: Drawing, lost: LostDraft) -> StaleDraft:
    lost_drafts.keep_current(assignment=save.assignment, label=save.label)
    current = Draft.objects.filter(assignment=save.assignment, label=save.label).first()
    return StaleDraft(
        "This case was changed in another window since you last saved. Both drawings are kept.",
        current_etag=current.etag if current else "",
        yours_etag=save.etag,
        lost_draft=str(lost.id),
    )


def _keep_refused(save: Drawing, *, is_over_tombstone: bool) -> LostDraft:
    """Keep what was refused; of an image that was withdrawn meanwhile nothing, tombstone again."""
    lost = lost_drafts.keep(save)
    if lost is None:
        if is_over_tombstone:
            storage.erase(save.mask_key)
        raise _withdrawn()
    return lost


def _check_not_withdrawn(assignment: Assignment) -> None:
    """Look at the row itself: whoever comes late would write erased bytes back."""
    if not Image.objects.filter(pk=assignment.image_id, withdrawn_at=None).exists():
        raise _withdrawn()


def _withdrawn() -> Conflict:
    return Conflict(
        "This image was withdrawn while you read it: nothing drawn on it is saved any more.",
        code="withdrawn",
    )
