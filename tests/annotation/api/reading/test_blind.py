"""A blind read reveals no origin of a mask: not in JSON, URLs, headers, sizes or the order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import numpy as np
import pytest

from annotation import storage
from annotation.models import Assignment, Candidate, Project, Release, User
from annotation.services.reading import leases, next_case
from annotation.services.releases.freezing import run_release
from annotation.services.releases.requesting import request_release
from annotation.storage import digest_of
from mlloop.figures.distinguishing import FEATURES
from mlloop.pixels.masks import decode_mask
from mlloop.pixels.raster import canonical_raster
from tests.support import factories
from tests.support.calls import lease, signed_in

Member = Callable[..., User]
HAND = factories.disc(shape=(200, 160), at=(90, 70), radius=31)
ALLOWED = {
    "assignment", "purpose", "blind", "project", "round", "case_key", "day", "view", "spacing_mm",
    "position", "times_submitted", "lease_expires_at", "image", "has_comparisons", "labels",
    "candidates", "draft",
    "note", "flagged",
}  # fmt: skip


@pytest.fixture
def judge(project: Project, member: Member) -> User:
    """A second reader, who did not draw the seed mask."""
    author = member("reader", name="author-of-the-mask")
    image = factories.make_image(project, shape=(200, 160))
    factories.make_reference(image, HAND, reader=author)
    serving = factories.make_round(project, number=7)
    factories.make_proposals(serving, image, kind="out_of_fold")
    return member("reader", name="judge")


def test_case_when_blind_then_no_field_tells_who_drew_a_mask(judge: User) -> None:
    case = lease(signed_in(judge))
    assert set(case) == ALLOWED
    assert (case["purpose"], case["blind"], case["round"]) == ("pick", True, None)
    assert len(case["candidates"]) == 3
    for row in case["candidates"]:
        assert set(row) == {"id", "letter", "mask_url", "probability_url", "threshold", "name"}
        assert row["probability_url"] is row["threshold"] is row["name"] is None
    case.pop("lease_expires_at")  # fractions of a second could match "0.1", the disagreement
    text = json.dumps(case)
    for secret in ("secret", "unet", "author", "covid", "manual", "proposal", "stage", "0.1",
                   "grade", "share", "lesion", "lung", "findings", "layers", "activation",
                   "gradcam"):  # fmt: skip
        assert secret not in text


def test_draft_when_blind_then_its_basis_is_the_picked_candidate_and_never_a_threshold(
    judge: User,
) -> None:
    client = signed_in(judge)
    case = lease(client)
    url = f"/api/v1/assignments/{case['assignment']}/draft/"
    etag = None
    for row in case["candidates"]:  # the manual mask and the networks' get the same answer
        png = client.get(row["mask_url"]).content
        guard = {"If-Match": etag} if etag else {"If-None-Match": "*"}
        send = {"content_type": "image/png", "headers": guard}
        refused = client.put(f"{url}?candidate={row['id']}&threshold=128", png, **send)
        assert refused.status_code == 422
        assert refused.json()["detail"] == "A blind read has no threshold."
        saved = client.put(f"{url}?candidate={row['id']}", png, **send)
        assert saved.status_code in (200, 201)
        etag = saved["ETag"]
        draft = lease(client)["draft"]
        assert set(draft) == {"label", "etag", "stroke", "mask_url", "candidate", "threshold"}
        assert (draft["candidate"], draft["threshold"]) == (row["id"], None)
        answer = client.get(draft["mask_url"])
        assert (answer["X-Candidate"], answer["X-Threshold"]) == (row["id"], "")


def test_masks_when_blind_then_headers_differ_in_etag_and_length_only(judge: User) -> None:
    client = signed_in(judge)
    case = lease(client)
    seen = []
    for row in case["candidates"]:
        answer = client.get(row["mask_url"])
        seen.append({k: v for k, v in answer.items() if k not in ("ETag", "Content-Length")})
        probability = client.get(row["mask_url"].replace("/mask/", "/probability/"))
        assert probability.status_code == 404
    for layer in ("lung", "disagreement", "activation"):
        assert client.get(f"/api/v1/assignments/{case['assignment']}/{layer}/").status_code == 404
    assert seen[0] == seen[1] == seen[2]
    assert "Last-Modified" not in seen[0]


def stored_hashes(project: Project, released: Release) -> set[str]:
    """Return every content hash by which a person with a second role could recognise the case."""
    hashes = set(released.items.values_list("sha256", flat=True))
    for image in project.images.all():
        keys = (image.pixels_key, image.preview_key, image.thumbnail_key)
        hashes |= {image.pixel_sha256, *map(digest_of, keys)}
    keys = Candidate.objects.exclude(mask_key="").values_list("mask_key", flat=True)
    return hashes | {digest_of(key) for key in keys}


def test_answers_when_blind_then_they_hold_no_content_hash_of_a_release_or_the_store(
    project: Project, judge: User, member: Member
) -> None:
    """The same person may also be a viewer, who sees the sha256 of every released file."""
    released = request_release(project=project, version="1.0.0", actor=None)
    run_release(release_id=released.id)
    client, other = signed_in(judge), signed_in(member("viewer", name="other"))
    case = lease(client)
    hashes = stored_hashes(project, released)
    urls = [case["image"]["pixels_url"], case["image"]["preview_url"]]
    masks = [row["mask_url"] for row in case["candidates"]]
    answers = [client.get(url) for url in urls + masks]
    answers += [
        client.get(urls[0], headers={"Accept": "application/octet-stream", **zipped})
        for zipped in ({}, {"Accept-Encoding": "gzip"})
    ]
    seen = json.dumps([case, [dict(answer.items()) for answer in answers]])
    for known in hashes:
        assert known not in seen
        assert known[:16] not in seen
    for answer in answers:
        hash_of_body = hashlib.sha256(answer.content).hexdigest()
        assert hash_of_body[:16] not in str(dict(answer.items()))
    # An ETag differs for each person, so two people cannot compare ETags.
    assert other.get(urls[0])["ETag"] != answers[0]["ETag"]


def test_etag_when_asked_again_then_304(judge: User) -> None:
    client = signed_in(judge)
    case = lease(client)
    for url in (case["image"]["preview_url"], case["candidates"][0]["mask_url"]):
        first = client.get(url)
        again = client.get(url, headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again["ETag"]) == (304, first["ETag"])


def test_masks_when_blind_then_the_manual_one_has_passed_the_networks_own_path(
    judge: User,
) -> None:
    """The drawn pixels are never shown, nor is a mask that passed the grid only once."""
    client = signed_in(judge)
    case = lease(client)
    masks = [decode_mask(client.get(row["mask_url"]).content) for row in case["candidates"]]
    once = canonical_raster(HAND, grid=(64, 64))
    assert not any(np.array_equal(mask, HAND) for mask in masks)
    assert not any(np.array_equal(mask, once) for mask in masks)
    manual = Candidate.objects.get(annotation__isnull=False)
    shown = decode_mask(storage.read(manual.mask_key))
    assert any(np.array_equal(shown, mask) for mask in masks)
    assert 2 * (shown & HAND).sum() / (shown.sum() + HAND.sum()) > 0.95


def test_masks_when_the_same_image_is_leased_again_then_none_has_changed(
    project: Project, judge: User
) -> None:
    """A mask that is redrawn differently at each lease would be the manual one."""
    client = signed_in(judge)
    seen = []
    for _ in range(2):
        case = lease(client)
        seen.append({client.get(row["mask_url"]).content for row in case["candidates"]})
        client.delete(f"/api/v1/assignments/{case['assignment']}/lease/")
    assert seen[0] == seen[1]
    assert len(seen[0]) == 3


def test_answers_when_blind_then_no_feature_of_a_shape_is_in_them(judge: User) -> None:
    case = lease(signed_in(judge))
    stored = Candidate.objects.filter(assignment=case["assignment"])
    assert all(set(row.features) == set(FEATURES) for row in stored)
    text = json.dumps(case)
    assert "features" not in text
    for name in FEATURES:
        assert f'"{name}"' not in text


def test_candidates_when_leased_many_times_then_the_manual_mask_is_at_every_place(
    project: Project, judge: User
) -> None:
    places = set()
    for _ in range(40):
        assignment = next_case.lease_next_case(project=project, reader=judge)
        assert assignment is not None
        row = Candidate.objects.get(assignment=assignment, annotation__isnull=False)
        places.add(row.position)
        leases.give_back_case(assignment=assignment, reader=judge)
    assert places == {0, 1, 2}


def test_case_when_the_author_asks_then_they_do_not_judge_their_own_mask(
    project: Project, judge: User
) -> None:
    author = User.objects.get(username="author-of-the-mask")
    assert next_case.lease_next_case(project=project, reader=author) is None


def test_sealed_case_then_blind_and_without_candidates(project: Project, member: Member) -> None:
    image = factories.make_image(project, split="sealed")
    serving = factories.make_round(project, stage="stage_2")
    factories.make_proposals(serving, image)  # a row that should not exist; it is not shown
    case = lease(signed_in(member("reader")))
    assert (case["purpose"], case["blind"], case["candidates"]) == ("sealed", True, [])


def test_case_when_a_second_reader_asks_then_every_address_answers_404(
    judge: User, member: Member
) -> None:
    client = signed_in(judge)
    case = lease(client)
    other = signed_in(member("reader", "adjudicator", name="other"))
    base = f"/api/v1/assignments/{case['assignment']}"
    gets = [
        case["image"]["pixels_url"],
        case["image"]["preview_url"],
        *[row["mask_url"] for row in case["candidates"]],
        f"{base}/draft/",
    ]
    for url in gets:
        assert other.get(url).status_code == 404, url
    as_json = {"content_type": "application/json"}
    assert other.patch(f"{base}/", "{}", **as_json).status_code == 404
    assert other.post(f"{base}/submit/", "{}", **as_json).status_code == 404
    assert other.delete(f"{base}/lease/").status_code == 404
    assert other.post(f"{base}/reassign/", "{}", **as_json).status_code == 403


def test_case_key_when_two_images_of_a_patient_then_the_same_and_not_the_key(
    project: Project, member: Member
) -> None:
    patient = factories.make_patient(project, "hospital-number-4711")
    for day in (0, 3):
        factories.make_image(project, patient=patient, day=day)
    client = signed_in(member("reader"))
    first = lease(client)
    Assignment.objects.update(state="submitted")
    Assignment.objects.update(image_id=first["image"]["id"])
    second = lease(client)
    assert first["case_key"] == second["case_key"]
    assert "4711" not in json.dumps([first, second])


def test_file_name_when_the_project_shows_it_then_it_is_there(
    project: Project, member: Member
) -> None:
    factories.make_image(project)
    project.shows_file_names = True
    project.save()
    assert lease(signed_in(member("reader")))["file_name"] == "secret-name.png"
