"""Save the reader's mask so far; a save that loses a race is refused and both masks are kept.

The ETag is the sha256 of the mask's canonical bytes, so the same drawing has the same ETag. What
the mask was made from stands beside it and is replaced by every save, of the same drawing too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
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
from annotation.models import Assignment, Draft, Label, LostDraft, User
from annotation.services import leases
from annotation.services.candidates import Basis, basis_of
from mlloop.masks import MaskError, decode_mask, encode_mask

MAX_STROKE = 2_000_000_000


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """What a save came to."""

    etag: str
    stroke: int
    lease_expires_at: datetime
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Save:
    """One mask on its way in: its bytes are stored, its row is not."""

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
    mask again succeeds. Raises PreconditionRequired, Invalid, LeaseLost, and StaleDraft,
    which names both masks.
    """
    if if_match is None and if_none_match != "*":
        raise PreconditionRequired(
            "Say which draft this replaces: If-Match with its ETag, or If-None-Match: * at first."
        )
    if not 0 <= stroke <= MAX_STROKE:
        raise Invalid("The stroke number must be 0 or more.", field="stroke")
    basis = basis_of(assignment=assignment, candidate=candidate, threshold=threshold)
    save = _Save(assignment, label, _store(assignment, png), stroke, basis)
    try:
        with transaction.atomic():
            expires_at = leases.renew(assignment=assignment, reader=reader, has_draft=True)
            is_new = if_match is None and _create(save)
            is_saved = is_new or _replace(save, if_match)
    except (LeaseLost, Conflict):
        _keep_lost(save)  # the lease is gone, the drawing is not
        raise
    if not is_saved:
        raise _stale(save)
    return SavedDraft(save.etag, stroke, expires_at, is_new)


def current_draft(*, assignment: Assignment, label: Label) -> Draft:
    """Return the draft of one label; raise NotFound where nothing is drawn yet."""
    draft = Draft.objects.filter(assignment=assignment, label=label).first()
    if draft is None:
        raise NotFound("Nothing is drawn on this case yet.")
    return draft


def lost_draft(*, assignment: Assignment, lost_id: UUID) -> LostDraft:
    """Return a mask that lost a race, while it is kept."""
    kept = LostDraft.objects.filter(
        assignment=assignment, id=lost_id, created_at__gte=_kept_since()
    ).first()
    if kept is None:
        raise NotFound(f"There is no such mask; they are kept {settings.LOST_DRAFT_DAYS} days.")
    return kept


def keep_current(*, assignment: Assignment, label: Label) -> None:
    """Keep the draft besides: a reader who looks at two masks may put another in its place."""
    draft = Draft.objects.filter(assignment=assignment, label=label).first()
    if draft is not None:
        basis = Basis(draft.candidate, draft.threshold)
        _keep_lost(_Save(assignment, label, draft.mask_key, draft.stroke, basis))


def purge_lost_drafts() -> int:
    """Forget masks that lost a race longer ago than they are kept; return how many."""
    deleted, _ = LostDraft.objects.filter(created_at__lt=_kept_since()).delete()
    return deleted


def _kept_since() -> datetime:
    return timezone.now() - timedelta(days=settings.LOST_DRAFT_DAYS)


def _store(assignment: Assignment, png: bytes) -> str:
    image = assignment.image
    try:
        mask = decode_mask(png, shape=(image.height, image.width))
    except MaskError as error:
        raise Invalid(str(error), code="invalid_mask", field="mask") from None
    return storage.put(assignment.project_id, encode_mask(mask))


def _create(save: _Save) -> bool:
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


def _replace(save: _Save, if_match: str | None) -> bool:
    """Move the draft on from `if_match`; the same content again counts as moved."""
    rows = Draft.objects.filter(assignment=save.assignment, label=save.label)
    bases = [save.etag] if if_match is None else [save.etag, if_match]
    return bool(rows.filter(etag__in=bases).update(updated_at=timezone.now(), **save.content))


def _stale(save: _Save) -> StaleDraft:
    lost = _keep_lost(save)
    keep_current(assignment=save.assignment, label=save.label)
    current = Draft.objects.filter(assignment=save.assignment, label=save.label).first()
    return StaleDraft(
        "This case was changed in another window since you last saved. Both drawings are kept.",
        current_etag=current.etag if current else "",
        yours_etag=save.etag,
        lost_draft=str(lost.id),
    )


def _keep_lost(save: _Save) -> LostDraft:
    """Keep a mask once, however often it is refused, with the base it was last said to have."""
    rows = LostDraft.objects.filter(
        assignment=save.assignment, label=save.label, etag=save.etag, created_at__gte=_kept_since()
    )
    rows.update(**save.content)
    return rows.first() or LostDraft.objects.create(
        assignment=save.assignment, label=save.label, **save.content
    )
