"""The manifest of a release names the candidate of each mask, and who drew and decided it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest

from annotation import storage
from annotation.formats.manifest import MANIFEST
from annotation.models import Image, Project, Release, User
from annotation.selectors.labels import label_of
from annotation.selectors.releases.biography import pseudonym
from annotation.services.reading.drafts import save_draft
from annotation.services.reading.next_case import lease_next_case
from annotation.services.reading.reopening import reopen_case
from annotation.services.reading.submission import submit_annotation
from mlloop.pixels.masks import encode_wire_mask
from tests.support.factories import (
    Mask,
    disc,
    make_image,
    make_proposals,
    make_reference,
    make_round,
)
from tests.support.releasing import freeze


def pick_manual(image: Image, *, judge: User, drawing: Mask | None = None) -> None:
    """Let `judge` accept the manual mask of an image, unchanged or replaced by `drawing`."""
    assignment = lease_next_case(project=image.project, reader=judge)
    assert assignment is not None
    label = label_of(image.project, "infection")
    etag = None
    if drawing is not None:
        etag = save_draft(
            assignment=assignment,
            reader=judge,
            label=label,
            png=encode_wire_mask(drawing),
            if_match=None,
            if_none_match="*",
        ).etag
    submit_annotation(
        assignment=assignment,
        reader=judge,
        client_id=uuid.uuid4(),
        label=label,
        decision="accept",
        draft_etag=etag,
        candidate=assignment.candidates.get(annotation__isnull=False).id,
    )


@pytest.mark.parametrize(
    ("drawing", "verdict"),
    [(None, "picked"), (disc(radius=5), "corrected"), (disc() & False, "no_infection")],
)
def test_manifest_when_the_manual_mask_was_the_base_then_says_so_and_who_drew_it(
    project: Project, member: Callable[..., User], drawing: Mask | None, verdict: str
) -> None:
    author, judge = member("reader", name="ann"), member("reader", name="bob")
    image = make_image(project)
    make_reference(image, reader=author)
    make_proposals(make_round(project), image, kind="out_of_fold")
    pick_manual(image, judge=judge, drawing=drawing)
    (mask,) = manifest_of(freeze(project))["masks"]
    assert (mask["verdict"], mask["candidate"], mask["network"]) == (verdict, "manual", None)
    assert mask["drawn_by"] == pseudonym(project, "reader", author.pk)
    assert mask["reader"] == pseudonym(project, "reader", judge.pk)


def test_manifest_when_the_manual_mask_was_imported_then_its_origin_and_no_drawer(
    project: Project, member: Callable[..., User]
) -> None:
    image = make_image(project)
    reference = make_reference(image, origin="imported")
    assert reference.annotations.get().reader is None
    make_proposals(make_round(project), image, kind="out_of_fold")
    pick_manual(image, judge=member("reader"), drawing=disc(radius=5))
    (mask,) = manifest_of(freeze(project))["masks"]
    assert (mask["candidate"], mask["drawn_by"], mask["origin"]) == ("manual", None, "imported")


def test_manifest_when_drawn_without_a_base_then_no_candidate_and_no_other_drawer(
    filled: Project,
) -> None:
    masks = manifest_of(freeze(filled))["masks"]
    assert {(mask["candidate"], mask["drawn_by"]) for mask in masks} == {("none", None)}


def test_manifest_when_a_case_was_submitted_again_then_one_mask_with_the_time_of_both_sittings(
    project: Project, member: Callable[..., User]
) -> None:
    reader = member("reader")
    make_image(project)
    seed = lease_next_case(project=project, reader=reader)
    assert seed is not None
    decided = {"assignment": seed, "reader": reader, "label": label_of(project, "infection")}
    spent = {"active_seconds": 40.0, "strokes": 7}
    submit_annotation(client_id=uuid.uuid4(), decision="no_infection", **decided, **spent)
    before = manifest_of(freeze(project, "1.0.0"))
    reopen_case(assignment=seed, reader=reader)
    etag = save_draft(
        **decided,
        png=encode_wire_mask(disc()),
        if_match=seed.drafts.get().etag,
    ).etag
    spent = {"active_seconds": 3.5, "strokes": 1}
    submit_annotation(
        client_id=uuid.uuid4(), decision="accept", draft_etag=etag, **decided, **spent
    )
    (mask,) = manifest_of(freeze(project, "1.1.0"))["masks"]
    assert mask["verdict"] == "redrawn"
    assert (mask["edit"]["active_seconds"], mask["edit"]["strokes"]) == (43.5, 8)
    assert before["masks"][0]["edit"]["active_seconds"] == 40.0


def manifest_of(release: Release) -> dict[str, list[dict[str, object]]]:
    item = release.items.get(path=MANIFEST)
    return json.loads(storage.read(item.key))
