"""Withdraw an image or a patient from the project, and erase bytes for ever; no row is deleted.

A withdrawn image is left out of queues, snapshots and new releases. Erasure withdraws the image
first and then replaces its bytes by a tombstone. It keeps bytes that another image shares, and
empty masks, whose bytes are the same for all images of a size. An unpublished release drops the
image. Copies that people have downloaded of a published release cannot be changed.
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

# The columns that name an image's bytes: model, path to the image, columns with keys.
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
    """Withdraw one image; return False if it was withdrawn before."""
    _require_reason(reason)
    if not _withdraw(image.project, Image.objects.filter(pk=image.pk)):
        return False
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
    """Withdraw a patient with all images; return False if the patient was withdrawn before.

    Later imports refuse images of this patient.
    """
    _require_reason(reason)
    rows = Patient.objects.filter(pk=patient.pk).exclude(state=Patient.State.WITHDRAWN)
    if not rows.update(state=Patient.State.WITHDRAWN):
        return False
    n_images = _withdraw(patient.project, Image.objects.filter(patient=patient))
    audit.record(
        project=patient.project,
        actor=actor,
        verb="withdraw_patient",
        target=patient.id,
        facts={"reason": reason, "images": n_images},
    )
    return True


def erase_image(*, image: Image, actor: User | None, reason: str) -> int:
    """Withdraw an image and erase its pixels, pictures and masks; return the number of files.

    The row's file name and finding are emptied, too. Candidates stay as they are: they are
    append-only, and the few numbers of a mask's shape show no person. The files go first, so the
    audit never names an erasure that did not happen. If a call fails, the next call does the rest.
    """
    withdraw_image(image=image, actor=actor, reason=reason)
    return _erase([image], actor=actor, reason=reason)


def erase_patient(*, patient: Patient, actor: User | None, reason: str) -> int:
    """Withdraw a patient and erase all images like `erase_image`; return the number of files."""
    withdraw_patient(patient=patient, actor=actor, reason=reason)
    images = Image.objects.filter(patient=patient).select_related("project")
    return _erase(list(images), actor=actor, reason=reason)


def _erase(images: Sequence[Image], *, actor: User | None, reason: str) -> int:
    keys = set(_unshared_keys([image.pk for image in images])) - _empty_masks(images)
    for key in sorted(keys):
        storage.erase(key)
    with transaction.atomic():
        rows = Image.objects.filter(pk__in=[image.pk for image in images])
        rows.update(file_name="", finding="", perceptual_hash="")
        for image in images:  # after the update: whoever appends to the audit locks no more rows
            audit.record(
                project=image.project,
                actor=actor,
                verb="erase_image",
                target=image.id,
                facts={"reason": reason},
            )
    return len(keys)


def _empty_masks(images: Iterable[Image]) -> set[str]:
    """Return the keys of empty masks in these images' sizes, which released controls share."""
    sizes = {(image.project_id, image.height, image.width) for image in images}
    empty = {size: encode_mask(np.zeros(size[1:], np.bool_)) for size in sizes}
    return {
        storage.key_of(project_id, hashlib.sha256(empty[project_id, height, width]).hexdigest())
        for project_id, height, width in sizes
    }


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("A withdrawal needs a written reason.", field="reason")


def _withdraw(project: Project, images: QuerySet[Image]) -> int:
    """Mark the images, take them back from their readers, and return their number; drafts stay."""
    now = timezone.now()
    ids = list(images.filter(withdrawn_at=None).values_list("pk", flat=True))
    Image.objects.filter(pk__in=ids).update(withdrawn_at=now)
    held = Assignment.objects.filter(image__in=ids, state=Assignment.State.OPEN)
    held.update(state=Assignment.State.RELEASED, closed_at=now)
    _wait_for_writers(project)
    close_reopened(Assignment.objects.filter(image__in=ids))
    return len(ids)


def _wait_for_writers(project: Project) -> None:
    """Wait until releases being published and proposals being recorded are committed.

    The two updates change nothing and only take locks. Those writers take the same locks before
    they look for withdrawn images. Either they see this withdrawal, or an erasure after it sees
    their rows.
    """
    unpublished = Release.objects.filter(project=project).exclude(state=Release.State.FROZEN)
    unpublished.update(done=F("done"))
    proposing = Round.objects.filter(project=project, state=Round.State.PROPOSING)
    proposing.update(attempts=F("attempts"))


def _unshared_keys(images: Sequence[UUID]) -> Sequence[str]:
    """Return the keys that only these images name."""
    keys: set[str] = set()
    for model, path, columns in _HOLDERS:
        rows = model._default_manager.filter(**{f"{path}__in": images})
        keys |= _keys(rows, columns)
    shared: set[str] = set()
    for model, path, columns in _HOLDERS:
        holders = model._default_manager.filter(_any_of(columns, keys))
        shared |= _keys(holders.exclude(**{f"{path}__in": images}), columns)
    return sorted(keys - shared)


def _any_of(columns: Iterable[str], keys: set[str]) -> Q:
    """Return the condition that a row has one of the keys in one of the columns."""
    condition = Q()
    for column in columns:
        condition |= Q(**{f"{column}__in": keys})
    return condition


def _keys(rows: QuerySet[Model], columns: Sequence[str]) -> set[str]:
    return {key for row in rows.values_list(*columns) for key in row if key}
