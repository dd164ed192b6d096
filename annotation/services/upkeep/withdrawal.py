"""Take an image or a patient out of the project, and erase bytes for good; rows are never deleted.

Withdrawal ends queues, snapshots and new releases for what it names. Erasure withdraws first, then
puts a tombstone in place of the bytes. A key that another image shares is left alone, and so is an
empty mask: it has the same bytes for everybody. A release not yet published drops the image; one
that was handed out keeps its copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone

from annotation import storage
from annotation.errors import Invalid
from annotation.models import (
    Annotation,
    Assignment,
    Candidate,
    Draft,
    Image,
    LostDraft,
    Patient,
    Project,
    Proposal,
    Reference,
    Release,
    Round,
    Truth,
    User,
)
from annotation.services import audit
from annotation.services.reading.closing_reopened import close_reopened
from mlloop.pixels.masks import encode_mask

# Where an image's bytes are named: model, path to the image, columns with keys.
_HOLDERS: tuple[tuple[type[Model], str, tuple[str, ...]], ...] = (
    (Image, "pk", ("pixels_key", "preview_key", "thumbnail_key")),
    (Truth, "image_id", ("mask_key",)),
    (Annotation, "image_id", ("mask_key",)),
    (Reference, "image_id", ("mask_key",)),
    (Proposal, "image_id", ("probability_key", "disagreement_key")),
    (Candidate, "assignment__image_id", ("mask_key",)),
    (Draft, "assignment__image_id", ("mask_key",)),
    (LostDraft, "assignment__image_id", ("mask_key",)),
)


@transaction.atomic
def withdraw_image(*, image: Image, actor: User | None, reason: str) -> bool:
    """Take one image out of the queue; return False where it was out already."""
    _require(reason)
    if not _withdraw(Image.objects.filter(pk=image.pk)):
        return False
    _wait_for_writers(image.project)
    audit.record(
        project=image.project,
        actor=actor,
        verb="withdraw_image",
        target=image.id,
        facts={"reason": reason},
    )
    return True


@transaction.atomic
def withdraw_patient(*, patient: Patient, actor: User | None, reason: str) -> bool:
    """Take a patient with all images out, and refuse later ones; False where that was done."""
    _require(reason)
    rows = Patient.objects.filter(pk=patient.pk).exclude(state=Patient.State.WITHDRAWN)
    if not rows.update(state=Patient.State.WITHDRAWN):
        return False
    n_images = _withdraw(Image.objects.filter(patient=patient))
    _wait_for_writers(patient.project)
    audit.record(
        project=patient.project,
        actor=actor,
        verb="withdraw_patient",
        target=patient.id,
        facts={"reason": reason, "images": n_images},
    )
    return True


def erase_image(*, image: Image, actor: User | None, reason: str) -> int:
    """Withdraw an image and erase its pixels, preview, thumbnail and masks; return the files gone.

    Safe to repeat: what a kill left over is erased by the next call. File name and finding go too.
    """
    withdraw_image(image=image, actor=actor, reason=reason)
    return _erase([image], actor=actor, reason=reason)


def erase_patient(*, patient: Patient, actor: User | None, reason: str) -> int:
    """Withdraw a patient and erase every image, with masks that only they share."""
    withdraw_patient(patient=patient, actor=actor, reason=reason)
    images = Image.objects.filter(patient=patient).select_related("project")
    return _erase(list(images), actor=actor, reason=reason)


def _erase(images: Sequence[Image], *, actor: User | None, reason: str) -> int:
    keys = set(_keys_of_alone([image.pk for image in images])) - _empty_masks(images)
    for key in sorted(keys):
        storage.erase(key)
    with transaction.atomic():
        for image in images:
            rows = Image.objects.filter(pk=image.pk)
            rows.update(file_name="", finding="", perceptual_hash="")
            audit.record(
                project=image.project,
                actor=actor,
                verb="erase_image",
                target=image.id,
                facts={"reason": reason},
            )
    return len(keys)


def _empty_masks(images: Iterable[Image]) -> set[str]:
    """Return the keys of the empty masks of these sizes: released controls share those bytes."""
    sizes = {(image.project_id, image.height, image.width) for image in images}
    empty = {size: encode_mask(np.zeros(size[1:], np.bool_)) for size in sizes}
    return {
        storage.key_of(project_id, hashlib.sha256(empty[project_id, height, width]).hexdigest())
        for project_id, height, width in sizes
    }


def _require(reason: str) -> None:
    if not reason.strip():
        raise Invalid("A withdrawal needs a written reason.", field="reason")


def _withdraw(images: QuerySet[Image]) -> int:
    """Mark the images and give back what readers hold of them; drafts stay where they are."""
    now = timezone.now()
    ids = list(images.filter(withdrawn_at=None).values_list("pk", flat=True))
    Image.objects.filter(pk__in=ids).update(withdrawn_at=now)
    held = Assignment.objects.filter(image__in=ids, state=Assignment.State.OPEN)
    held.update(state=Assignment.State.RELEASED, closed_at=now)
    close_reopened(Assignment.objects.filter(image__in=ids))
    return len(ids)


def _wait_for_writers(project: Project) -> None:
    """Queue behind a release being published and proposals being recorded at this moment.

    The writes change nothing: their locks are what counts, since those take them before they look
    for withdrawn images. They see this withdrawal, or else an erasure after it sees their rows.
    """
    unpublished = Release.objects.filter(project=project).exclude(state=Release.State.FROZEN)
    unpublished.update(done=F("done"))
    proposing = Round.objects.filter(project=project, state=Round.State.PROPOSING)
    proposing.update(attempts=F("attempts"))


def _keys_of_alone(images: Sequence[UUID]) -> Sequence[str]:
    """Return the keys of these images' bytes that no other image names."""
    keys: set[str] = set()
    for model, path, columns in _HOLDERS:
        own = model._default_manager.filter(**{f"{path}__in": images})
        keys |= _keys(own, columns)
    shared: set[str] = set()
    for model, path, columns in _HOLDERS:
        alike = model._default_manager.filter(_any_of(columns, keys))
        shared |= _keys(alike.exclude(**{f"{path}__in": images}), columns)
    return sorted(keys - shared)


def _any_of(columns: Iterable[str], keys: set[str]) -> Q:
    found = Q()
    for column in columns:
        found |= Q(**{f"{column}__in": keys})
    return found


def _keys(rows: QuerySet[Model], columns: Sequence[str]) -> set[str]:
    return {key for row in rows.values_list(*columns) for key in row if key}
