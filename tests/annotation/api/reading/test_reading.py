"""Reading one case over HTTP: next, pixels, candidates, submit."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable

import numpy as np

from annotation.models import Annotation, Assignment, Project, Reference, User
from mlloop.pixels.images import decode_image
from mlloop.pixels.masks import decode_mask, decode_probability, encode_wire_mask
from mlloop.pixels.raster import threshold_mask
from tests.support import factories
from tests.support.calls import JSON, ask, lease, put, signed_in, submit

Member = Callable[..., User]


def test_next_when_a_round_serves_then_the_open_case_is_complete(open_case: dict) -> None:
    assert open_case["purpose"] == "read"
    assert open_case["blind"] is False
    assert open_case["round"] == 1
    assert [row["letter"] for row in open_case["candidates"]] == ["A", "B", "C"]
    assert [row["name"] for row in open_case["candidates"]] == [
        "ensemble",
        "unet-resnet18",
        "unetplusplus-resnet18",
    ]
    assert open_case["candidates"][0]["threshold"] == 128
    assert open_case["draft"] is None
    assert open_case["position"] == {"n": 1, "of": 1}
    assert "secret" not in json.dumps(open_case)


def test_next_when_a_case_is_fetched_ahead_then_each_case_keeps_its_place(
    project: Project, reader: User
) -> None:
    client = signed_in(reader)
    serving = factories.make_round(project, stage="stage_2")
    for _ in range(4):
        factories.make_proposals(serving, factories.make_image(project))
    first = lease(client)
    ahead = lease(client, prefetch=True, exclude=[first["assignment"]])
    places = [case["position"] for case in (first, ahead, lease(client))]
    assert places == [{"n": 1, "of": 4}, {"n": 2, "of": 4}, {"n": 1, "of": 4}]
    client.patch(
        f"/api/v1/assignments/{first['assignment']}/", {"saved_for_later": True}, content_type=JSON
    )
    assert lease(client)["position"] == {"n": 1, "of": 4}
    submit(client, ahead, decision="no_infection")
    assert lease(client)["position"] == {"n": 2, "of": 4}


def test_next_when_nothing_waits_then_204(project: Project, reader: User) -> None:
    assert ask(signed_in(reader)).status_code == 204


def test_pixels_when_leased_then_png_and_raw_hold_the_same_values(
    open_case: dict, reader: User
) -> None:
    client, url = signed_in(reader), open_case["image"]["pixels_url"]
    png = client.get(url)
    assert png["Content-Type"] == "image/png"
    assert png["Cache-Control"] == "no-store"
    pixels = decode_image(png.content).pixels
    raw = client.get(url, headers={"Accept": "application/octet-stream", "Accept-Encoding": "gzip"})
    assert raw["Content-Encoding"] == "gzip"
    shape = (int(raw["X-Height"]), int(raw["X-Width"]))
    values = np.frombuffer(gzip.decompress(raw.content), "<u2").reshape(shape)
    np.testing.assert_array_equal(values, pixels)
    assert raw["ETag"] != png["ETag"]
    assert client.get(url, headers={"If-None-Match": png["ETag"]}).status_code == 304


def test_candidate_mask_when_open_then_it_is_the_probability_at_the_threshold(
    open_case: dict, reader: User
) -> None:
    client = signed_in(reader)
    shape = (open_case["image"]["height"], open_case["image"]["width"])
    for candidate in open_case["candidates"]:
        mask = decode_mask(client.get(candidate["mask_url"]).content, shape=shape)
        p8 = decode_probability(client.get(candidate["probability_url"]).content)
        expected = threshold_mask(p8, shape=shape, t8=candidate["threshold"])
        np.testing.assert_array_equal(mask, expected)


def test_submit_when_the_draft_differs_then_corrected_once(open_case: dict, reader: User) -> None:
    client = signed_in(reader)
    saved = put(client, open_case, encode_wire_mask(factories.disc()), **{"If-None-Match": "*"})
    body = {
        "client_id": str(uuid.uuid4()),
        "draft_etag": saved.json()["etag"],
        "candidate": open_case["candidates"][0]["id"],
        "threshold": 140,
        "note": "left base",
        "flagged": True,
        "active_seconds": 12.5,
        "strokes": 4,
    }
    first = submit(client, open_case, **body)
    assert (first.status_code, first.json()["verdict"]) == (201, "corrected")
    repeat = submit(client, open_case, **body)
    assert (repeat.status_code, repeat.json()) == (200, first.json())
    row = Annotation.objects.get()
    assert (row.note, row.is_flagged, row.active_seconds, row.strokes) == (
        "left base",
        True,
        12.5,
        4,
    )
    assert (row.threshold, row.provenance) == (140, "SEMIAUTOMATIC")
    assert Reference.objects.get().mask_key == row.mask_key
    late = put(client, open_case, encode_wire_mask(factories.disc(radius=3)), **{"If-Match": "x"})
    assert (late.status_code, late.json()["code"]) == (409, "already_submitted")
    assert client.get(open_case["image"]["pixels_url"]).status_code == 404


def test_submit_when_another_tab_drew_then_409_names_the_address_of_the_current_draft(
    open_case: dict, reader: User
) -> None:
    client, mask = signed_in(reader), factories.disc()
    saved = put(client, open_case, encode_wire_mask(mask), **{"If-None-Match": "*"})
    refused = submit(client, open_case, decision="no_infection")
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_moved")
    assert refused.json()["current_etag"] == saved.json()["etag"]
    shown = client.get(refused.json()["current_url"])
    np.testing.assert_array_equal(decode_mask(shown.content), mask)
    body = {"decision": "no_infection", "draft_etag": saved.json()["etag"]}
    assert submit(client, open_case, **body).status_code == 201


def test_submit_when_excluded_then_a_reason_is_needed(open_case: dict, reader: User) -> None:
    client = signed_in(reader)
    refused = submit(client, open_case, decision="exclude")
    assert (refused.status_code, refused.json()["field"]) == (422, "exclusion_reason")
    taken = submit(client, open_case, decision="exclude", exclusion_reason="not_frontal")
    assert taken.json()["verdict"] == "excluded"
    assert Reference.objects.get().mask_key == ""


def test_patch_when_saved_for_later_then_the_next_case_is_another(
    project: Project, open_case: dict, reader: User
) -> None:
    other = factories.make_image(project)
    factories.make_proposals(project.rounds.get(), other)
    client = signed_in(reader)
    url = f"/api/v1/assignments/{open_case['assignment']}/"
    body = json.dumps({"note": "come back", "flagged": True, "saved_for_later": True})
    patched = client.patch(url, body, content_type=JSON)
    assert patched.status_code == 200
    assert patched.json()["saved_for_later"] is True
    second = lease(client)
    assert second["assignment"] != open_case["assignment"]
    submit(client, second, decision="no_infection")
    back = lease(client)
    assert (back["assignment"], back["note"]) == (open_case["assignment"], "come back")


def test_give_back_when_unstarted_then_free_and_with_a_draft_then_409(
    open_case: dict, reader: User
) -> None:
    client, url = signed_in(reader), f"/api/v1/assignments/{open_case['assignment']}/lease/"
    put(client, open_case, encode_wire_mask(factories.disc()), **{"If-None-Match": "*"})
    assert client.delete(url).status_code == 409
    Assignment.objects.update(has_draft=False)
    assert client.delete(url).status_code == 204
    assert client.delete(url).status_code == 204
    assert Assignment.objects.get().state == "released"


def test_lease_when_lost_then_410_and_the_drawing_is_kept(open_case: dict, reader: User) -> None:
    Assignment.objects.update(state="released")
    mask = factories.disc()
    response = put(signed_in(reader), open_case, encode_wire_mask(mask), **{"If-None-Match": "*"})
    assert (response.status_code, response.json()["code"]) == (410, "lease_lost")
    assert Assignment.objects.get().lost_drafts.count() == 1


def test_reassign_when_a_curator_does_then_the_next_reader_starts_without_a_draft(
    open_case: dict, reader: User, member: Member
) -> None:
    put(signed_in(reader), open_case, encode_wire_mask(factories.disc()), **{"If-None-Match": "*"})
    second, curator = member("reader", name="second"), signed_in(member("curator"))
    listed = curator.get("/api/v1/projects/pilot/assignments/").json()["results"]
    assert [(row["reader"], row["has_draft"]) for row in listed] == [("reader", True)]
    url = f"/api/v1/assignments/{open_case['assignment']}/reassign/"
    given = curator.post(url, json.dumps({"reader": "second"}), content_type=JSON)
    assert given.status_code == 200
    case = lease(signed_in(second))
    assert case["assignment"] == given.json()["assignment"]
    assert case["draft"] is None
    assert len(case["candidates"]) == 3
    assert signed_in(second).get(open_case["candidates"][0]["mask_url"]).status_code == 404
