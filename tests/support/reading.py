"""Helpers for tests of reading: lease, draw, submit and reopen a case."""

from __future__ import annotations

import uuid

import pytest

from annotation import storage
from annotation.errors import Conflict
from annotation.models import Annotation, Assignment, Draft, Project, Reference, User
from annotation.selectors.labels import label_of
from annotation.services.reading import drafts, next_case, submission
from annotation.services.reading.reopening import reopen_case
from mlloop.pixels.masks import decode_mask, encode_mask, encode_wire_mask
from tests.support import factories

FIRST, SECOND = factories.disc(radius=9), factories.disc(radius=5)


def must_lease(project: Project, reader: User, **options: object) -> Assignment:
    assignment = next_case.lease_next_case(project=project, reader=reader, **options)
    assert assignment is not None
    return assignment


def draw(case: Assignment, mask: factories.Mask, **basis: object) -> str:
    label = label_of(case.project, "infection")
    draft = Draft.objects.filter(assignment=case, label=label).first()
    return drafts.save_draft(
        assignment=case,
        reader=case.reader,
        label=label,
        png=encode_wire_mask(mask),
        if_match=draft.etag if draft else None,
        if_none_match=None if draft else "*",
        **basis,
    ).etag


def save_disc(case: Assignment, radius: int, if_match: str | None = None) -> str:
    """Save a disc as the draft of a case; return its ETag."""
    return drafts.save_draft(
        assignment=case,
        reader=case.reader,
        label=label_of(case.project, "infection"),
        png=encode_wire_mask(factories.disc(radius=radius)),
        if_match=if_match,
        if_none_match=None if if_match else "*",
    ).etag


def submit(case: Assignment, **given: object) -> Annotation:
    label = label_of(case.project, "infection")
    draft = Draft.objects.filter(assignment=case, label=label).first()
    decided = {"decision": "accept", "draft_etag": draft.etag if draft else None} | given
    return submission.submit_annotation(
        assignment=case, reader=case.reader, client_id=uuid.uuid4(), label=label, **decided
    ).annotation


def draft_mask(case: Assignment) -> factories.Mask:
    return decode_mask(storage.read(Draft.objects.get(assignment=case).mask_key))


def current_reference(case: Assignment) -> Reference:
    return Reference.objects.get(image=case.image, superseded_by=None)


def refusal_code(case: Assignment) -> str:
    with pytest.raises(Conflict) as refusal:
        reopen_case(assignment=case, reader=case.reader)
    case.refresh_from_db()
    assert case.state == "submitted"
    return refusal.value.code


def store_mask(case: Assignment, mask: factories.Mask) -> str:
    return storage.put(case.project_id, encode_mask(mask))
