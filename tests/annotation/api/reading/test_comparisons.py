"""Other images of the patient beside an open case: who sees them, how long, and which fields."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from annotation.models import Assignment, Image, Patient, Project, User
from annotation.services.upkeep.withdrawal import erase_image, withdraw_image, withdraw_patient
from tests.support import factories
from tests.support.calls import lease, signed_in

Member = Callable[..., User]
FILM = {
    "id", "width", "height", "bits", "pixels_url", "preview_url", "window_center", "window_width",
}  # fmt: skip


@pytest.fixture
def patient(project: Project) -> Patient:
    return factories.make_patient(project, "hospital-number-4711")


@pytest.fixture
def others(project: Project, patient: Patient) -> list[Image]:
    """The other images by day, unknown day last. They were made in another order."""
    days = (9, 0, None, 5)
    made = {day: factories.make_image(project, patient=patient, day=day) for day in days}
    return [made[day] for day in (0, 5, 9, None)]


@pytest.fixture
def case(project: Project, patient: Patient, others: list[Image], member: Member) -> Assignment:
    """A blind case of day 5, on which the patient has two images."""
    image = factories.make_image(project, patient=patient, day=5)
    return factories.make_assignment(image, member("reader"), purpose="pick")


def address(case: Assignment) -> str:
    return f"/api/v1/assignments/{case.id}/comparisons/"


def films(client: Client, image: Image) -> list[int]:
    urls = (f"/api/v1/images/{image.id}/{what}/" for what in ("pixels", "preview"))
    return [client.get(url).status_code for url in urls]


def listed(client: Client, case: Assignment) -> list[str]:
    answer = client.get(address(case))
    assert answer.status_code == 200
    return [row["image"]["id"] for row in answer.json()["results"]]


def test_list_when_the_case_is_open_then_the_other_films_by_day_with_their_pixels(
    case: Assignment, others: list[Image]
) -> None:
    client = signed_in(case.reader)
    rows = client.get(address(case)).json()["results"]
    assert [row["image"]["id"] for row in rows] == [str(image.id) for image in others]
    assert [row["day"] for row in rows] == [0, 5, 9, None]
    for image, row in zip(others, rows, strict=True):
        assert row["view"] == "PA"
        assert row["image"]["window_width"] == 60000.0
        assert films(client, image) == [200, 200]
        assert client.get(row["image"]["pixels_url"]).status_code == 200


@pytest.mark.parametrize("purpose", ["pick", "sealed", "seed", "read"])
def test_list_when_masks_and_proposals_exist_then_it_holds_films_only(
    project: Project, case: Assignment, others: list[Image], purpose: str
) -> None:
    Assignment.objects.update(purpose=purpose, is_blind=purpose in ("pick", "sealed"))
    project.shows_file_names = True  # for the case, not for the images beside it
    project.save()
    serving = factories.make_round(project)
    for image in others:
        factories.make_reference(image)
        factories.make_proposals(serving, image)
    answer = signed_in(case.reader).get(address(case))
    for row in answer.json()["results"]:
        assert set(row) == {"day", "view", "spacing_mm", "image"}
        assert set(row["image"]) == FILM
    text = json.dumps([answer.json(), dict(answer.items())]).lower()
    secrets = {"secret", "covid", "4711", "unet", "mask", "grade", "finding", "patient"}
    for image in others:
        secrets |= {image.pixel_sha256[:16], image.source, image.file_name}
    assert {secret for secret in secrets if secret in text} == set()


def test_case_when_leased_then_it_says_only_whether_comparisons_exist(
    case: Assignment, member: Member
) -> None:
    body = lease(signed_in(case.reader))
    assert body["has_comparisons"] is True
    assert body["image"]["id"] == str(case.image_id)
    for image in case.image.patient.images.exclude(pk=case.image_id):
        assert str(image.id) not in json.dumps(body)


def test_case_when_its_patient_has_no_other_film_then_it_says_so(
    project: Project, member: Member
) -> None:
    factories.make_image(project)
    factories.make_image(project)
    reader = member("reader")
    client = signed_in(reader)
    body = lease(client)
    assert body["has_comparisons"] is False
    assert listed(client, Assignment.objects.get(reader=reader)) == []


def test_films_when_of_another_patient_then_404(
    project: Project, case: Assignment, member: Member
) -> None:
    stranger = factories.make_image(project, day=5)
    client = signed_in(case.reader)
    assert films(client, stranger) == [404, 404]
    assert str(stranger.id) not in listed(client, case)


@pytest.mark.parametrize("state", ["submitted", "released"])
def test_films_when_the_case_is_closed_then_404(
    case: Assignment, others: list[Image], state: str
) -> None:
    Assignment.objects.update(state=state)
    client = signed_in(case.reader)
    assert client.get(address(case)).status_code == 404
    for image in [*others, case.image]:
        assert films(client, image) == [404, 404]


def test_films_when_the_case_is_somebody_elses_then_404(
    case: Assignment, others: list[Image], member: Member
) -> None:
    for role in ("reader", "adjudicator"):
        client = signed_in(member(role, name=f"other-{role}"))
        assert client.get(address(case)).status_code == 404
        assert films(client, others[0]) == [404, 404]
    # Staff see images by their role. Only the reader sees which images belong to their case.
    assert signed_in(member("curator")).get(address(case)).status_code == 404


def test_films_when_the_reader_lost_the_role_then_404(
    case: Assignment, others: list[Image]
) -> None:
    case.reader.memberships.all().delete()
    client = signed_in(case.reader)
    assert client.get(address(case)).status_code == 404
    assert films(client, others[0]) == [404, 404]


def test_films_when_the_case_was_fetched_ahead_or_saved_for_later_then_they_are_there(
    case: Assignment, others: list[Image]
) -> None:
    client = signed_in(case.reader)
    for change in ({"is_prefetched": True}, {"is_saved_for_later": True}):
        Assignment.objects.update(**change)
        assert listed(client, case) == [str(image.id) for image in others]
        assert films(client, others[0]) == [200, 200]


@pytest.mark.parametrize("remove", [withdraw_image, erase_image])
def test_film_when_withdrawn_then_neither_listed_nor_served(
    case: Assignment, others: list[Image], remove: Callable[..., object]
) -> None:
    remove(image=others[0], actor=None, reason="wrong patient")
    client = signed_in(case.reader)
    assert listed(client, case) == [str(image.id) for image in others[1:]]
    assert films(client, others[0]) == [404, 404]
    assert films(client, others[1]) == [200, 200]


def test_films_when_the_patient_is_quarantined_then_only_the_case_itself(
    case: Assignment, others: list[Image]
) -> None:
    """A quarantined patient may be mixed up: the case stays, the patient's other images do not."""
    Patient.objects.update(state=Patient.State.QUARANTINED)
    client = signed_in(case.reader)
    assert listed(client, case) == []
    assert films(client, others[0]) == [404, 404]
    assert films(client, case.image) == [200, 200]


def test_films_when_the_patient_withdraws_then_404(case: Assignment, others: list[Image]) -> None:
    withdraw_patient(patient=case.image.patient, actor=None, reason="consent")
    client = signed_in(case.reader)
    assert client.get(address(case)).status_code == 404
    for image in [*others, case.image]:
        assert films(client, image) == [404, 404]


def test_masks_of_another_film_when_it_is_shown_beside_a_case_then_they_cannot_be_fetched(
    project: Project, case: Assignment, others: list[Image], member: Member
) -> None:
    """Another reader has the other image open. Only they see its candidates, layers and draft."""
    factories.make_proposals(factories.make_round(project, stage="stage_2"), others[0])
    colleague = signed_in(member("reader", name="colleague"))
    theirs = lease(colleague)
    assert theirs["image"]["id"] == str(others[0].id)
    client = signed_in(case.reader)
    assert films(client, others[0]) == [200, 200]
    base = f"/api/v1/assignments/{theirs['assignment']}"
    urls = [f"{base}/{what}/" for what in ("lung", "disagreement", "activation", "draft")]
    for row in theirs["candidates"]:
        urls += [row["mask_url"], row["probability_url"]]
    assert len(urls) > 6
    for url in urls:
        assert client.get(url).status_code == 404, url


def test_list_when_there_are_many_films_then_in_pages_and_few_queries(
    project: Project, patient: Patient, case: Assignment, django_assert_max_num_queries
) -> None:
    client = signed_in(case.reader)
    client.get(address(case))  # loads the session, so that it adds no query later
    with django_assert_max_num_queries(6):
        few = client.get(address(case)).json()
    for day in range(20, 80):
        factories.make_image(project, patient=patient, day=day, shape=(64, 64))
    with django_assert_max_num_queries(6):
        many = client.get(address(case)).json()
    assert (few["count"], many["count"]) == (4, 64)
    assert len(many["results"]) == 50
    assert many["next"] is not None
