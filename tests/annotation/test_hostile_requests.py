"""Requests that no honest program sends: each ends with a problem document or a page, never a 500.

Each row was an error of the server once, or is one on a framework that trusts its caller more.
"""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Callable
from html import unescape
from io import BytesIO
from typing import NoReturn

import pytest
from django.core.cache import cache
from django.db import DataError, OperationalError
from django.test import Client
from django.urls import reverse

from annotation.api.failures import outside_failure
from annotation.models import Annotation, Draft, Project, User
from mlloop.contract.json_text import MAX_DEPTH
from mlloop.pixels.masks import encode_wire_mask
from tests.support import factories
from tests.support.calls import JSON, lease, put, signed_in, submit

Member = Callable[..., User]
PROBLEM = "application/problem+json"
NEXT = "/api/v1/projects/pilot/next/"


@pytest.fixture
def client(project: Project, member: Member) -> Client:
    """A person who sees everything, whose client shows errors of the server as answers."""
    cache.clear()
    roles = ("curator", "engineer", "viewer")
    return signed_in(member(*roles), raise_request_exception=False)


@pytest.fixture
def reader(project: Project, member: Member) -> Client:
    return signed_in(member("reader"), raise_request_exception=False)


@pytest.fixture
def case(reader: Client, project: Project) -> dict:
    factories.make_image(project)
    return lease(reader)


def check_problem(response, status: int, words: str = "") -> None:
    assert (response.status_code, response["Content-Type"]) == (status, PROBLEM), response.content
    body = response.json()
    assert body["detail"].endswith(".")
    assert words in body["detail"]


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


# The body of an API request ---------------------------------------------------------------------

BODIES = {
    "deep": (nested(100_000), "nested more than"),
    "deep enough for the parser": (f'{{"exclude": {nested(700)}}}', "nested more than"),
    "a lone surrogate": (r'{"purpose": "\ud800"}', "half a character"),
    "a lone surrogate in a name": (r'{"\udfff": 1}', "half a character"),
    "NUL": (r'{"purpose": "\u0000"}', "NUL"),
    "five thousand digits": (f'{{"exclude": {"9" * 5000}}}', "64 bits"),
    "more than 64 bits": (f'{{"exclude": {2**63}}}', "64 bits"),
    "an infinite number": ('{"exclude": 1e999}', "too large"),
    "no number": ('{"exclude": NaN}', "NaN"),
    "cut short": ('{"exclude": [', "not valid JSON"),
    "no UTF-8": (b'{"purpose": "\xff"}', "not UTF-8"),
    "UTF-16": ("{}".encode("utf-16"), "not UTF-8"),
}


@pytest.mark.parametrize("name", BODIES)
def test_api_when_the_json_is_hostile_then_400_says_what_is_wrong(
    reader: Client, name: str
) -> None:
    body, words = BODIES[name]
    check_problem(reader.post(NEXT, body, content_type=JSON), 400, words)


def test_api_when_the_json_is_as_deep_as_allowed_then_the_field_is_named(reader: Client) -> None:
    body = f'{{"exclude": {nested(MAX_DEPTH - 1)}}}'
    check_problem(reader.post(NEXT, body, content_type=JSON), 422)


def test_api_when_the_json_is_larger_than_a_megabyte_then_422(reader: Client) -> None:
    body = json.dumps({"x": "a" * 1024**2})
    check_problem(reader.post(NEXT, body, content_type=JSON), 422, "1024 kB")


def test_api_when_the_body_is_compressed_then_400_and_it_is_not_inflated(reader: Client) -> None:
    body = gzip.compress(b" " * 50_000_000)
    headers = {"Content-Encoding": "gzip"}
    response = reader.generic("POST", NEXT, body, content_type=JSON, headers=headers)
    check_problem(response, 400, "not UTF-8")


@pytest.mark.parametrize("charset", ["zlib", "bz2", "rot13", "hex", "utf-16", "nonsense", "\xff"])
def test_api_when_the_charset_is_no_utf8_then_400(reader: Client, charset: str) -> None:
    # `generic` sends the bytes as they are; `post` would encode them.
    response = reader.generic("POST", NEXT, b"{}", content_type=f"{JSON}; charset={charset}")
    check_problem(response, 400, "UTF-8")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"0"])
def test_api_when_the_json_is_no_object_then_never_a_500(reader: Client, body: bytes) -> None:
    assert reader.post(NEXT, body, content_type=JSON).status_code in (200, 204, 422)


def test_token_when_the_name_is_half_a_character_then_400(client: Client) -> None:
    body = r'{"username": "\ud800", "password": "x"}'
    check_problem(client.post("/api/v1/auth/token/", body, content_type=JSON), 400)


@pytest.mark.parametrize("plan", [nested(60), '{"networks": ' + nested(50) + "}", '"x"', "1e300"])
def test_round_when_the_plan_is_hostile_then_a_problem(client: Client, plan: str) -> None:
    url = "/api/v1/projects/pilot/rounds/"
    check_problem(client.post(url, f'{{"plan": {plan}}}', content_type=JSON), 422)


# Headers and addresses --------------------------------------------------------------------------


@pytest.mark.parametrize("stroke", ["9" * 5000, "²", "-1", "1.5", "", " ", "\xa0", "99999999999"])
def test_draft_when_the_stroke_number_is_hostile_then_422(
    reader: Client, case: dict, stroke: str
) -> None:
    png = encode_wire_mask(factories.disc())
    response = put(reader, case, png, **{"If-None-Match": "*", "X-Stroke": stroke})
    check_problem(response, 422)
    assert not Draft.objects.exists()


@pytest.mark.parametrize(
    "tag", ['"', ",", "W/", '"' * 5000, "\xff", "*", '"\\"', "W/W/", "x" * 9000]
)
def test_draft_when_if_match_is_hostile_then_a_problem(
    reader: Client, case: dict, tag: str
) -> None:
    png = encode_wire_mask(factories.disc())
    response = put(reader, case, png, **{"If-Match": tag})
    assert response.status_code in (409, 428), response.content
    assert response["Content-Type"] == PROBLEM


@pytest.mark.parametrize(
    "accept", ["", ";", "a", "*/*;q=x", "a/b;c*=nonsense'en'd", "x" * 20_000, "\xff", ",,,", "/"]
)
def test_api_when_accept_is_hostile_then_an_answer(client: Client, accept: str) -> None:
    assert client.get("/api/v1/projects/", headers={"Accept": accept}).status_code in (200, 406)


@pytest.mark.parametrize(
    "query",
    ["page=²", f"page={'9' * 5000}", f"page={10**30}", "page_size=²", "page=-1", "page=%ff"],
)
def test_list_when_the_page_is_hostile_then_never_a_500(client: Client, query: str) -> None:
    assert client.get(f"/api/v1/projects/?{query}").status_code in (200, 404)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "path",
    [
        "projects/pilot/releases/%00/",
        "projects/pilot/images/?group=%00",
        "projects/pilot/releases/%ff%fe/",
        f"projects/pilot/rounds/{10**30}/",
        f"projects/pilot/rounds/{'9' * 5000}/",
        "projects/%00/images/",
        "nothing/%00",
        "nothing/%0A/here",
    ],
)
def test_api_when_the_address_is_hostile_then_a_problem(client: Client, path: str) -> None:
    response = client.get(f"/api/v1/{path}")
    assert response.status_code in (400, 404)
    assert response["Content-Type"] == PROBLEM


@pytest.mark.postgres
def test_draft_when_the_label_holds_nul_then_400(reader: Client, case: dict) -> None:
    url = f"/api/v1/assignments/{case['assignment']}/draft/?label=%00"
    check_problem(reader.get(url), 400, "NUL")


@pytest.mark.postgres
def test_anything_when_the_session_cookie_holds_nul_then_400(project: Project) -> None:
    client = Client(raise_request_exception=False)
    response = client.get("/", headers={"Cookie": r'sessionid="aaaaaaaa\000"'})
    assert response.status_code == 400
    assert "NUL" in response.content.decode()


# Forms ------------------------------------------------------------------------------------------


def says(response, status: int, words: str) -> None:
    assert response.status_code == status
    assert words in unescape(response.content.decode())


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("page", "form"),
    [
        ("account", {"name": "a\0b", "scope": "read", "days": "9"}),
        ("people", {"username": "\0", "role": "reader"}),
        ("releases", {"version": "\0"}),
        ("rounds", {"verb": "\0"}),
        ("account_login", {"login": "\0", "password": "x"}),
    ],
)
def test_form_when_a_field_holds_nul_then_400_with_a_sentence(
    client: Client, page: str, form: dict[str, str]
) -> None:
    args = ["pilot"] if page in ("people", "releases", "rounds") else []
    says(client.post(reverse(page, args=args), form), 400, "NUL")


@pytest.mark.parametrize("days", ["²", "9" * 5000, "-1", "1e3", "٣٣", "", "0", "366"])
def test_account_when_the_days_are_hostile_then_a_sentence(client: Client, days: str) -> None:
    form = {"name": "x", "scope": "read", "days": days}
    answer = client.post(reverse("account"), form, follow=True)
    says(answer, 200, "from 1 to 365 days")


@pytest.mark.parametrize("length", ["²", "x", "-1", "9" * 5000])
def test_upload_when_the_content_length_is_hostile_then_413(client: Client, length: str) -> None:
    url = reverse("intake", args=["pilot"])
    says(client.post(url, {}, CONTENT_LENGTH=length), 413, "larger than")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=\xff", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx"),
        ("application/x-www-form-urlencoded; charset=zlib", b"days=1"),
    ],
)
def test_form_when_the_body_is_broken_then_a_page(client: Client, kind: str, body: bytes) -> None:
    response = client.generic("POST", reverse("account"), body, content_type=kind)
    assert response.status_code in (302, 400)
    if response.status_code == 400:
        says(response, 400, "The server could not take this request")


def test_form_when_it_has_too_many_fields_then_400(client: Client) -> None:
    form = {f"f{number}": "" for number in range(2000)}
    says(client.post(reverse("account"), form), 400, "more fields")


def test_application_when_the_content_type_cannot_be_read_then_it_still_answers(
    project: Project,
) -> None:
    from annotation.config.wsgi import application

    answered: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/auth/token/",
        "CONTENT_TYPE": "application/json; a*=nonsense'en'b",
        "CONTENT_LENGTH": "2",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(b"{}"),
        "wsgi.url_scheme": "http",
    }
    application(environ, lambda status, headers: answered.append(status))
    assert answered == ["415 Unsupported Media Type"]


# A machine that cannot take it ------------------------------------------------------------------


def _no_room(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotation.storage.disk.write_beside", _no_room)


def test_save_when_the_disk_is_full_then_507_and_the_next_save_works(
    reader: Client, case: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch)
    png = encode_wire_mask(factories.disc())
    check_problem(put(reader, case, png, **{"If-None-Match": "*"}), 507, "disk is full")
    assert not Draft.objects.exists()
    monkeypatch.undo()
    assert put(reader, case, png, **{"If-None-Match": "*"}).status_code == 201


def test_submit_when_the_disk_is_full_then_507_and_the_case_stays_open(
    reader: Client, case: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch)
    check_problem(submit(reader, case, decision="no_infection"), 507, "disk is full")
    assert not Annotation.objects.exists()
    monkeypatch.undo()
    assert submit(reader, case, decision="no_infection").status_code == 201


def test_page_when_the_disk_is_full_then_507_with_a_sentence(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.make_reference(factories.make_image(project))
    fill_disk(monkeypatch)
    answer = client.post(reverse("releases", args=["pilot"]), {"version": "1.0.0"})
    says(answer, 507, "The server's disk is full")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("database or disk is full"), 507),
        (OperationalError('could not extend file "x": No space left on device'), 507),
        (OperationalError("database is locked"), 503),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 507),
        (OSError(errno.EIO, "Input/output error"), 503),
        (DataError("value too long for type character varying(40)"), 422),
    ],
)
def test_failure_when_the_machine_causes_it_then_its_own_status(
    error: Exception, status: int
) -> None:
    failure = outside_failure(error)
    assert failure is not None
    assert failure.status == status


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), FileNotFoundError(2, "x"), None])
def test_failure_when_it_is_a_bug_then_it_stays_one(error: Exception | None) -> None:
    assert outside_failure(error) is None


def test_api_when_there_is_a_bug_then_500_is_a_problem_without_the_cause(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> NoReturn:
        raise KeyError("secret-cause")

    monkeypatch.setattr("annotation.api.projects.projects_of", fail)
    response = client.get("/api/v1/projects/")
    check_problem(response, 500, "Saved work is not lost")
    assert b"secret-cause" not in response.content
