"""Drafts over HTTP: saved masks, their basis, and two machines on one case."""

from __future__ import annotations

import json
import uuid

import numpy as np
import pytest
from django.test import Client

from annotation.models import LostDraft, Project, User
from mlloop.pixels.masks import decode_mask, encode_wire_mask
from tests.support import factories
from tests.support.calls import JSON, lease, put, signed_in, submit


def basis_shown(client: Client) -> tuple[str | None, int | None]:
    """Return the basis of the saved mask, as another machine reads it from the case."""
    draft = lease(client)["draft"]
    return draft["candidate"], draft["threshold"]


def test_draft_when_saved_then_the_same_pixels_come_back(open_case: dict, reader: User) -> None:
    client, mask = signed_in(reader), factories.disc()
    first = put(
        client, open_case, encode_wire_mask(mask), **{"If-None-Match": "*", "X-Stroke": "3"}
    )
    assert first.status_code == 201
    assert first["ETag"] == f'"{first.json()["etag"]}"'
    again = lease(client)
    assert again["assignment"] == open_case["assignment"]
    assert again["draft"]["etag"] == first.json()["etag"]
    assert again["draft"]["stroke"] == 3
    np.testing.assert_array_equal(decode_mask(client.get(again["draft"]["mask_url"]).content), mask)
    repeat = put(client, open_case, encode_wire_mask(mask), **{"If-None-Match": "*"})
    assert (repeat.status_code, repeat["ETag"]) == (200, first["ETag"])


def test_draft_when_stale_then_both_masks_can_be_fetched(open_case: dict, reader: User) -> None:
    client = signed_in(reader)
    masks = [factories.disc(radius=radius) for radius in (5, 8, 11)]
    pngs = [encode_wire_mask(mask) for mask in masks]
    base = put(client, open_case, pngs[0], **{"If-None-Match": "*"})
    won = put(client, open_case, pngs[1], **{"If-Match": base["ETag"]})
    lost = put(client, open_case, pngs[2], **{"If-Match": base["ETag"]})
    assert (won.status_code, lost.status_code) == (200, 409)
    problem = lost.json()
    assert lost["Content-Type"] == "application/problem+json"
    assert problem["code"] == "stale_draft"
    assert problem["current_etag"] == won.json()["etag"] != problem["yours_etag"]
    for url, mask in ((problem["current_url"], masks[1]), (problem["yours_url"], masks[2])):
        np.testing.assert_array_equal(decode_mask(client.get(url).content), mask)


def test_draft_when_made_from_a_candidate_then_another_machine_knows_it(
    open_case: dict, reader: User
) -> None:
    client, png = signed_in(reader), encode_wire_mask(factories.disc())
    first, second = (row["id"] for row in open_case["candidates"][:2])
    basis = {"candidate": first, "threshold": 140}
    saved = put(client, open_case, png, basis, **{"If-None-Match": "*"})
    assert basis_shown(signed_in(reader)) == (first, 140)
    mask = client.get(lease(client)["draft"]["mask_url"])
    assert (mask["X-Candidate"], mask["X-Threshold"]) == (first, "140")
    # The same pixels, picked from another candidate: the mask stays and its basis changes.
    again = put(client, open_case, png, {"candidate": second}, **{"If-Match": saved["ETag"]})
    assert (again.status_code, again["ETag"]) == (200, saved["ETag"])
    assert basis_shown(client) == (second, None)
    kept = client.get(mask.request["PATH_INFO"], headers={"If-None-Match": saved["ETag"]})
    assert (kept.status_code, kept["X-Candidate"], kept["X-Threshold"]) == (304, second, "")
    put(client, open_case, png, **{"If-Match": saved["ETag"]})
    assert basis_shown(client) == (None, None)


def test_draft_when_saved_for_later_then_it_comes_back_with_its_basis(
    open_case: dict, reader: User
) -> None:
    client, candidate = signed_in(reader), open_case["candidates"][1]["id"]
    png, basis = encode_wire_mask(factories.disc()), {"candidate": candidate, "threshold": 90}
    saved = put(client, open_case, png, basis, **{"If-None-Match": "*"})
    url = f"/api/v1/assignments/{open_case['assignment']}/"
    client.patch(url, json.dumps({"saved_for_later": True}), content_type=JSON)
    elsewhere = signed_in(reader)
    assert basis_shown(elsewhere) == (candidate, 90)
    body = {"draft_etag": saved.json()["etag"], **basis}
    assert submit(elsewhere, open_case, **body).json()["verdict"] == "corrected"


def test_draft_when_stale_then_each_mask_keeps_its_own_basis(open_case: dict, reader: User) -> None:
    client = signed_in(reader)
    pngs = [encode_wire_mask(factories.disc(radius=radius)) for radius in (5, 8, 11)]
    theirs, mine = (row["id"] for row in open_case["candidates"][:2])
    base = put(client, open_case, pngs[0], **{"If-None-Match": "*"})
    put(client, open_case, pngs[1], {"candidate": theirs}, **{"If-Match": base["ETag"]})
    basis = {"candidate": mine, "threshold": 77}
    problem = put(client, open_case, pngs[2], basis, **{"If-Match": base["ETag"]}).json()
    current, yours = (client.get(problem[key]) for key in ("current_url", "yours_url"))
    assert (current["X-Candidate"], current["X-Threshold"]) == (theirs, "")
    assert (yours["X-Candidate"], yours["X-Threshold"]) == (mine, "77")
    replaced = LostDraft.objects.get(etag=problem["current_etag"])
    assert str(replaced.candidate_id) == theirs


@pytest.mark.parametrize(
    ("basis", "field"),
    [
        ({"candidate": str(uuid.uuid4())}, "candidate"),
        ({"candidate": "A"}, "candidate"),
        ({"threshold": "140"}, "threshold"),
        ({"threshold": "256"}, "threshold"),
    ],
)
def test_draft_when_its_basis_is_no_candidate_of_the_case_then_422(
    open_case: dict, reader: User, basis: dict[str, str], field: str
) -> None:
    client = signed_in(reader)
    png = encode_wire_mask(factories.disc())
    refused = put(client, open_case, png, basis, **{"If-None-Match": "*"})
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert lease(client)["draft"] is None


def test_draft_when_its_basis_is_another_cases_candidate_then_422(
    project: Project, open_case: dict, reader: User
) -> None:
    client = signed_in(reader)
    factories.make_proposals(project.rounds.get(), factories.make_image(project))
    other = lease(client, prefetch=True, exclude=[open_case["assignment"]])
    basis = {"candidate": other["candidates"][0]["id"]}
    png = encode_wire_mask(factories.disc())
    refused = put(client, open_case, png, basis, **{"If-None-Match": "*"})
    assert (refused.status_code, refused.json()["field"]) == (422, "candidate")


def test_draft_without_a_precondition_then_428(open_case: dict, reader: User) -> None:
    response = put(signed_in(reader), open_case, encode_wire_mask(factories.disc()))
    assert (response.status_code, response.json()["code"]) == (428, "precondition_required")


def test_draft_of_another_size_then_422_names_both_sizes(open_case: dict, reader: User) -> None:
    png = encode_wire_mask(factories.disc(shape=(20, 30)))
    response = put(signed_in(reader), open_case, png, **{"If-None-Match": "*"})
    assert response.status_code == 422
    assert response.json()["field"] == "mask"
    assert "30×20" in response.json()["detail"]
    assert "64×80" in response.json()["detail"]


def test_draft_when_not_a_png_then_422(open_case: dict, reader: User) -> None:
    response = put(signed_in(reader), open_case, b"<svg onload=x>", **{"If-None-Match": "*"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_mask")
