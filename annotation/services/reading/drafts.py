"""Save the mask that a reader is drawing. A save over a newer draft is refused; both are kept.

The ETag is the sha256 of the mask's canonical bytes, so the same mask has the same ETag. Every
save, even of the same mask, replaces the basis: the candidate that the mask was made from.
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
from annotation.services.reading.lost_drafts import UnsavedDraft
from mlloop.pixels.masks import MaskError, decode_mask, encode_mask

MAX_STROKE = 2_000_000_000


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """The result of a save."""

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
    """Store the whole mask if the current draft is the one that `if_match` names.

    The first save has `if_none_match="*"` instead. `candidate` and `threshold` are the basis of
    the mask; without them it was drawn by hand. Saving the same mask again succeeds. Raises
    PreconditionRequired, Invalid, LeaseLost, StaleDraft with the ETags of both masks, and Conflict
    if the image was withdrawn: then nothing is stored.
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
    unsaved = UnsavedDraft(assignment, label, mask_key, stroke, basis)
    try:
        with transaction.atomic():
            expires_at = leases.renew_lease(assignment=assignment, reader=reader, has_draft=True)
            is_new = if_match is None and _create(unsaved)
            is_saved = is_new or _replace(unsaved, if_match)
    except (LeaseLost, Conflict):
        # The reader has lost the lease and must not lose the mask with it.
        _keep_refused(unsaved, is_over_tombstone=is_over_tombstone)
        raise
    if not is_saved:
        raise _stale(unsaved, _keep_refused(unsaved, is_over_tombstone=is_over_tombstone))
    return SavedDraft(unsaved.etag, stroke, expires_at, is_new)


def current_draft(*, assignment: Assignment, label: Label) -> Draft:
    """Return the draft of one label; raise NotFound if nothing is drawn yet."""
    draft = Draft.objects.filter(assignment=assignment, label=label).first()
    if draft is None:
        raise NotFound("Nothing is drawn on this case yet.")
    return draft


def _store(assignment: Assignment, png: bytes) -> tuple[str, bool]:
    """Store the mask; return its key and whether the same bytes had been erased before."""
    image = assignment.image
    try:
        mask = decode_mask(png, shape=(image.height, image.width))
    except MaskError as error:
        raise Invalid(str(error), code="invalid_mask", field="mask") from None
    return storage.put_over(assignment.project_id, encode_mask(mask))


def _create(unsaved: UnsavedDraft) -> bool:
    try:
        with transaction.atomic():
            Draft.objects.create(
                assignment=unsaved.assignment,
                label=unsaved.label,
                updated_at=timezone.now(),
                **unsaved.fields,
            )
    except IntegrityError:
        return False
    return True


def _replace(unsaved: UnsavedDraft, if_match: str | None) -> bool:
    """Replace the draft that `if_match` names, or the same mask; return whether it was there."""
    rows = Draft.objects.filter(assignment=unsaved.assignment, label=unsaved.label)
    replaceable = [unsaved.etag] if if_match is None else [unsaved.etag, if_match]
    rows = rows.filter(etag__in=replaceable)
    return bool(rows.update(updated_at=timezone.now(), **unsaved.fields))


def _stale(unsaved: UnsavedDraft, lost: LostDraft) -> StaleDraft:
    lost_drafts.keep_current_draft(assignment=unsaved.assignment, label=unsaved.label)
    current = Draft.objects.filter(assignment=unsaved.assignment, label=unsaved.label).first()
    return StaleDraft(
        "This case was changed in another window since you last saved. Both drawings are kept.",
        current_etag=current.etag if current else "",
        yours_etag=unsaved.etag,
        lost_draft=str(lost.id),
    )


def _keep_refused(unsaved: UnsavedDraft, *, is_over_tombstone: bool) -> LostDraft:
    """Keep the refused mask. Raise Conflict, and keep nothing, if the image was withdrawn."""
    lost = lost_drafts.keep_lost_draft(unsaved)
    if lost is None:
        if is_over_tombstone:  # this save brought erased bytes back
            storage.erase(unsaved.mask_key)
        raise _withdrawn()
    return lost


def _check_not_withdrawn(assignment: Assignment) -> None:
    # Ask the database, not `assignment.image`: a late save would bring erased bytes back.
    if not Image.objects.filter(pk=assignment.image_id, withdrawn_at=None).exists():
        raise _withdrawn()


def _withdrawn() -> Conflict:
    return Conflict(
        "This image was withdrawn while you read it. Drawings on it are no longer saved.",
        code="withdrawn",
    )
