"""Every refusal is a problem document with a code and a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from annotation.models import ApiToken, Assignment, Membership, Project, User
from annotation.services.projects import create_project
from annotation.services.tokens import create_token
from tests.support import factories
from tests.support.calls import signed_in

Member = Callable[..., User]
NEXT = "/api/v1/projects/pilot/next/"
AS_JSON = {"content_type": "application/json"}


def check_problem(response, status: int, code: str) -> dict:
    body = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == f"urn:roundtruth:problem:{code}"
    assert body["title"]
    assert body["detail"].endswith(".")
    return body


def test_next_when_not_signed_in_then_401(project: Project) -> None:
    response = Client().post(NEXT, "{}", **AS_JSON)
    check_problem(response, 401, "not_signed_in")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_next_when_the_page_is_another_persons_then_403_and_nothing_leased(
    project: Project, member: Member
) -> None:
    reader, other = member("reader"), member("reader", name="somebody-else")
    factories.make_image(project)
    asked = signed_in(other).post(NEXT, "{}", headers={"X-Account": reader.username}, **AS_JSON)
    body = check_problem(asked, 403, "another_account")
    assert "Somebody else is signed in" in body["detail"]
    assert not Assignment.objects.exists()
    accepted = signed_in(reader).post(NEXT, "{}", headers={"X-Account": reader.username}, **AS_JSON)
    assert accepted.status_code == 200


def test_next_when_a_viewer_asks_then_403_and_an_outsider_404(
    project: Project, member: Member
) -> None:
    body = check_problem(signed_in(member("viewer")).post(NEXT, "{}", **AS_JSON), 403, "forbidden")
    assert "viewer" in body["detail"]
    check_problem(signed_in(member()).post(NEXT, "{}", **AS_JSON), 404, "not_found")


def test_next_when_the_csrf_token_is_missing_then_403(project: Project, member: Member) -> None:
    client = signed_in(member("reader"), enforce_csrf_checks=True)
    assert client.post(NEXT, "{}", **AS_JSON).status_code == 403
    client.get("/accounts/login/")
    assert not Assignment.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ("{", 400, "malformed", None),
        ('{"exclude": ["x"]}', 422, "invalid", "exclude.0"),
        ('{"purpose": "double"}', 422, "invalid", "purpose"),
        (json.dumps({"exclude": ["x" * 36] * 21}), 422, "invalid", "exclude"),
    ],
)
def test_next_when_the_body_is_wrong_then_the_field_is_named(
    *, project: Project, member: Member, body: str, status: int, code: str, field: str | None
) -> None:
    problem = check_problem(signed_in(member("reader")).post(NEXT, body, **AS_JSON), status, code)
    assert problem.get("field") == field or problem["field"].startswith(str(field))


def test_method_and_path_when_unknown_then_problems(project: Project, member: Member) -> None:
    client = signed_in(member("reader"))
    check_problem(client.get(NEXT), 405, "method_not_allowed")
    check_problem(client.get("/api/v1/nothing/here"), 404, "not_found")
    check_problem(client.put("/api/v1/images/../../etc/passwd"), 404, "not_found")


def test_images_when_the_filter_is_not_listed_then_refused(
    project: Project, member: Member
) -> None:
    client = signed_in(member("curator"))
    for query in (
        "project__memberships__user__password__startswith=p",
        "ordering=patient__key",
        "search=x",
        "group=all",
    ):
        check_problem(client.get(f"/api/v1/projects/pilot/images/?{query}"), 422, "invalid")


def test_images_when_listed_then_pages_are_bounded(project: Project, member: Member) -> None:
    for _ in range(3):
        factories.make_image(project)
    url = "/api/v1/projects/pilot/images/"
    client = signed_in(member("curator"))
    page = client.get(f"{url}?page_size=2&split=train").json()
    assert (page["count"], len(page["results"])) == (3, 2)
    assert page["next"].endswith("page=2&page_size=2&split=train")
    check_problem(client.get(f"{url}?page=9"), 404, "not_found")
    assert len(client.get(f"{url}?page_size=100000").json()["results"]) == 3


def test_submit_when_every_field_of_the_model_is_sent_then_only_listed_ones_count(
    project: Project, member: Member
) -> None:
    reader, other = member("reader"), member("reader", name="other")
    assignment = factories.make_assignment(factories.make_image(project), reader)
    body = {
        "client_id": "0b7bb60e-3c1c-4a4e-9d2c-9a2b0d5b8a11",
        "label": "infection",
        "decision": "no_infection",
        "reader": str(other.id),
        "verdict": "picked",
        "purpose": "sealed",
        "mask_key": "projects/x",
        "provenance": "AUTOMATIC",
        "agreement": 1.0,
        "created_at": "2000-01-01T00:00:00Z",
    }
    url = f"/api/v1/assignments/{assignment.id}/submit/"
    response = signed_in(reader).post(url, json.dumps(body), **AS_JSON)
    assert response.json()["verdict"] == "no_infection"
    row = assignment.annotations.get()
    assert (row.reader, row.purpose, row.provenance) == (reader, "seed", "MANUAL")
    assert row.created_at.year > 2020


def test_other_project_when_a_member_of_this_project_asks_then_404_everywhere(
    project: Project, member: Member
) -> None:
    elsewhere = create_project(slug="other", name="Other", actor=None)
    image = factories.make_image(elsewhere)
    stranger = member("reader", "curator", "engineer")
    owner = User.objects.create_user("owner")
    Membership.objects.create(project=elsewhere, user=owner, role="reader")
    held = factories.make_assignment(image, owner)
    client = signed_in(stranger)
    for url in (
        "/api/v1/projects/other/images/",
        "/api/v1/projects/other/assignments/",
        f"/api/v1/images/{image.id}/pixels/",
        f"/api/v1/assignments/{held.id}/draft/",
    ):
        check_problem(client.get(url), 404, "not_found")
    reassign = client.post(f"/api/v1/assignments/{held.id}/reassign/", "{}", **AS_JSON)
    check_problem(reassign, 404, "not_found")
    listed = client.get("/api/v1/projects/").json()["results"]
    assert [row["slug"] for row in listed] == ["pilot"]


# Tokens ------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def fresh_throttle() -> None:
    cache.clear()


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def ask_token(password: str = "pass", **body: object):
    body = {"username": "reader", "password": password} | body
    return Client().post("/api/v1/auth/token/", json.dumps(body), **AS_JSON)


def test_token_when_the_password_is_right_then_it_works_without_a_cookie(
    project: Project, member: Member
) -> None:
    member("reader")
    answer = ask_token(scope="write")
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    text = answer.json()["token"]
    assert text not in ApiToken.objects.get().sha256
    response = Client(enforce_csrf_checks=True).post(NEXT, "{}", headers=bearer(text), **AS_JSON)
    assert response.status_code == 204


def test_token_when_it_may_only_read_then_writing_is_403(project: Project, member: Member) -> None:
    _, text = create_token(user=member("reader"), name="x", scope="read", days=1)
    assert Client().get("/api/v1/projects/", headers=bearer(text)).status_code == 200
    refused = Client().post(NEXT, "{}", headers=bearer(text), **AS_JSON)
    check_problem(refused, 403, "token_scope")


def test_token_when_expired_unknown_or_of_a_closed_account_then_401(
    project: Project, member: Member
) -> None:
    reader = member("reader")
    token, text = create_token(user=reader, name="x", scope="write", days=1)
    reader.is_active = False
    reader.save()
    check_problem(Client().get("/api/v1/projects/", headers=bearer(text)), 401, "bad_token")
    reader.is_active = True
    reader.save()
    ApiToken.objects.update(expires_at=token.created_at)
    for wrong in (text, text + "x", ""):
        check_problem(Client().get("/api/v1/projects/", headers=bearer(wrong)), 401, "bad_token")


def test_token_when_the_password_is_wrong_then_401_and_soon_429(
    project: Project, member: Member
) -> None:
    member("reader")
    missing = ask_token(username="nobody").json()
    wrong = check_problem(ask_token("no"), 401, "bad_login")
    assert missing == wrong
    for attempt in range(12):
        last = Client().post(
            "/api/v1/auth/token/",
            json.dumps({"username": "reader", "password": "no"}),
            headers={"X-Forwarded-For": f"10.0.0.{attempt}"},
            **AS_JSON,
        )
    check_problem(last, 429, "too_many_requests")
    assert int(last["Retry-After"]) > 0
