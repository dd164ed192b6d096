"""The reader's last cases over HTTP: the list, its pictures, reopening and leaving a case."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from django.test import Client

from annotation.models import Annotation, Assignment, Project, User
from annotation.services.upkeep.withdrawal import withdraw_image
from annotation.storage import digest_of
from mlloop.pixels.images import decode_image
from mlloop.pixels.masks import decode_mask, encode_wire_mask
from tests.support import factories
from tests.support.calls import lease, signed_in, submit

Member = Callable[..., User]
HAND = factories.disc(radius=9)


def url(case: dict, verb: str) -> str:
    return f"/api/v1/assignments/{case['assignment']}/{verb}/"


def listed(client: Client) -> list[dict]:
    answer = client.get("/api/v1/projects/pilot/last-cases/")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    return answer.json()


@pytest.fixture
def pick(project: Project, reader: User, member: Member) -> dict:
    """A submitted blind pick. The reader picked the manual mask without knowing it."""
    image = factories.make_image(project)
    factories.make_reference(image, HAND, reader=member("reader", name="author"))
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    client = signed_in(reader)
    case = lease(client)
    candidates = Assignment.objects.get(id=case["assignment"]).candidates
    manual = candidates.get(annotation__isnull=False)
    answer = submit(client, case, candidate=str(manual.id), note="rotated", flagged=True)
    assert answer.status_code == 201
    return case


def test_list_when_a_pick_was_blind_then_only_what_the_reader_did(pick: dict, reader: User) -> None:
    client = signed_in(reader)
    (row,) = listed(client)
    assert set(row) == {
        "assignment", "case_key", "day", "view", "verdict", "exclusion_reason", "submitted_at",
        "has_note", "flagged", "reopened", "refusal", "thumbnail_url", "mask_url",
    }  # fmt: skip
    assert (row["case_key"], row["day"], row["view"]) == (pick["case_key"], 0, "PA")
    assert (row["verdict"], row["exclusion_reason"]) == ("picked", None)
    assert row["has_note"] is row["flagged"] is True
    assert row["reopened"] is False
    assert row["refusal"] is None
    text = json.dumps(row)
    for secret in ("secret", "unet", "manual", "author", "proposal", "agreement", "AUTOMATIC"):
        assert secret not in text


def test_pictures_when_fetched_then_a_thumbnail_and_the_submitted_mask(
    pick: dict, reader: User
) -> None:
    client = signed_in(reader)
    (row,) = listed(client)
    annotation = Annotation.objects.get(assignment_id=pick["assignment"])
    answer = client.get(row["mask_url"])
    draft = client.get(reopen(client, pick)["draft"]["mask_url"])
    np.testing.assert_array_equal(decode_mask(answer.content), decode_mask(draft.content))
    assert digest_of(annotation.mask_key) not in str(
        answer.headers
    )  # a content hash would identify a released file
    thumbnail = client.get(row["thumbnail_url"])
    assert decode_image(thumbnail.content, min_side=1).pixels.ndim == 2


def reopen(client: Client, case: dict) -> dict:
    answer = client.post(url(case, "reopen"))
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_reopen_when_blind_then_the_same_case_as_before(pick: dict, reader: User) -> None:
    client = signed_in(reader)
    for closed in (pick["candidates"][0]["mask_url"], pick["image"]["pixels_url"]):
        assert client.get(closed).status_code == 404
    again = reopen(client, pick)
    assert (again["purpose"], again["blind"], again["round"]) == ("pick", True, None)
    assert again["candidates"] == pick["candidates"]
    assert (again["note"], again["flagged"], again["times_submitted"]) == ("rotated", True, 1)
    assert again["draft"]["threshold"] is None
    assert set(again) == set(pick)
    for row in again["candidates"]:
        assert row["name"] is row["threshold"] is row["probability_url"] is None
        probability = row["mask_url"].replace("/mask/", "/probability/")
        assert client.get(probability).status_code == 404
    for layer in ("lung", "disagreement", "activation"):
        assert client.get(url(pick, layer)).status_code == 404
    assert client.get(again["image"]["pixels_url"]).status_code == 200
    (row,) = listed(client)
    assert row["reopened"] is True


def test_reopen_when_submitted_again_then_201_and_the_list_has_the_new_mask(
    pick: dict, reader: User
) -> None:
    client = signed_in(reader)
    again = reopen(client, pick)
    saved = client.put(
        url(pick, "draft"),
        encode_wire_mask(HAND),
        content_type="image/png",
        headers={"If-Match": again["draft"]["etag"]},
    )
    assert submit(client, pick, draft_etag=saved.json()["etag"]).status_code == 201
    (row,) = listed(client)
    assert (row["verdict"], row["reopened"], row["has_note"]) == ("redrawn", False, False)
    np.testing.assert_array_equal(decode_mask(client.get(row["mask_url"]).content), HAND)
    assert Annotation.objects.filter(assignment_id=pick["assignment"]).count() == 2


def test_leave_then_204_however_often_and_the_case_is_closed(pick: dict, reader: User) -> None:
    client = signed_in(reader)
    again = reopen(client, pick)
    for _ in range(2):
        assert client.delete(url(pick, "reopen")).status_code == 204
    assert client.get(again["image"]["pixels_url"]).status_code == 404
    assert Annotation.objects.filter(assignment_id=pick["assignment"]).count() == 1


def test_list_when_the_image_was_withdrawn_then_no_pictures_and_the_reason(
    pick: dict, reader: User
) -> None:
    client = signed_in(reader)
    withdraw_image(
        image=Assignment.objects.get(id=pick["assignment"]).image, actor=None, reason="asked for"
    )
    (row,) = listed(client)
    assert row["refusal"] == "This image was withdrawn from the project."
    assert row["thumbnail_url"] is row["mask_url"] is None
    for verb in ("thumbnail", "mask"):
        assert client.get(url(pick, verb)).status_code == 404
    refused = client.post(url(pick, "reopen"))
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawn")


def test_list_when_an_image_was_excluded_then_the_reason_and_no_mask(
    project: Project, reader: User
) -> None:
    factories.make_image(project)
    client = signed_in(reader)
    case = lease(client)
    answer = submit(client, case, decision="exclude", exclusion_reason="not_frontal")
    assert answer.status_code == 201
    (row,) = listed(client)
    assert (row["verdict"], row["exclusion_reason"]) == ("excluded", "not_frontal")
    assert row["mask_url"] is None
    assert client.get(url(case, "mask")).status_code == 404
    assert client.get(row["thumbnail_url"]).status_code == 200


def test_last_cases_when_somebody_else_asks_then_there_are_none(
    pick: dict, reader: User, member: Member
) -> None:
    other = signed_in(member("reader", name="other"))
    assert listed(other) == []
    for verb in ("thumbnail", "mask"):
        assert other.get(url(pick, verb)).status_code == 404
    assert other.post(url(pick, "reopen")).status_code == 404
    assert other.delete(url(pick, "reopen")).status_code == 404
