"""The audit pages and their API: who sees what, the filters, the pages and the downloads."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from annotation.audit_chain import EMPTY, Entry, Head
from annotation.models import AuditEvent, Project, User
from annotation.selectors.audit import PAGE_SIZE, head_of
from annotation.services import audit
from annotation.services.projects import create_project
from tests.support import factories

FORMULAS = ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", " =1"]
Member = Callable[..., User]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def curator(member: Member) -> Client:
    return signed_in(member("curator", name="ann"))


def body(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response
    if response.streaming:
        return b"".join(response.streaming_content).decode()
    return response.content.decode()


def test_page_when_filtered_by_who_what_and_day_then_only_those_rows(
    project: Project, curator: Client, member: Member
) -> None:
    bob = member("reader", name="bob")
    audit.record(project=project, actor=bob, verb="submit", target="of-bob")
    audit.record(project=project, actor=bob, verb="reopen", target="not-asked-for")
    today = timezone.now().date().isoformat()
    page = body(curator, f"/p/pilot/audit/?who=bob&what=submit&since={today}&until={today}")
    assert "of-bob" in page
    assert "not-asked-for" not in page
    assert "made the project" in body(curator, "/p/pilot/audit/")
    assert "No rows" in body(curator, "/p/pilot/audit/?since=2099-01-01")
    assert "of-bob" in body(curator, "/p/pilot/audit/?since=nonsense&target=of-bob")


def test_page_when_there_are_many_rows_then_older_ones_follow_and_none_is_shown_twice(
    project: Project, curator: Client
) -> None:
    for number in range(PAGE_SIZE + 5):
        audit.record(project=project, actor=None, verb="submit", target=f"t{number}t")
    first = body(curator, "/p/pilot/audit/?what=submit")
    assert 'href="?what=submit&amp;before=7"' in first
    second = body(curator, "/p/pilot/audit/?what=submit&before=7")
    numbers = range(PAGE_SIZE + 5)
    shown = [[n for n in numbers if f">t{n}t<" in page] for page in (first, second)]
    assert shown == [list(range(5, PAGE_SIZE + 5)), list(range(5))]
    assert "Older rows" not in second


def test_page_when_another_project_or_a_reader_asks_then_refused(
    project: Project, member: Member
) -> None:
    other = create_project(slug="other", name="Other", actor=None)
    audit.record(project=other, actor=None, verb="submit", target="elsewhere")
    curator = signed_in(member("curator", name="ann"))
    assert curator.get("/p/other/audit/").status_code == 404
    assert curator.get("/api/v1/projects/other/audit/").status_code == 404
    assert "elsewhere" not in body(curator, "/p/pilot/audit/")
    for role in ("reader", "engineer", "viewer"):
        assert signed_in(member(role)).get("/p/pilot/audit/").status_code == 403


def test_server_page_when_staff_ask_then_sign_ins_and_no_row_of_a_project(
    project: Project, member: Member
) -> None:
    staff = member(name="root")
    staff.is_staff = True
    staff.save()
    audit.record(project=None, actor=staff, verb="sign_in", target=staff.id)
    page = body(signed_in(staff), "/audit/")
    assert "signed in" in page
    assert "made the project" not in page.split("</form>", 2)[-1]
    assert signed_in(staff).get("/p/pilot/audit/").status_code == 404
    assert signed_in(member("curator")).get("/audit/").status_code == 404
    assert signed_in(member("viewer")).get("/audit/export.json").status_code == 404


def test_csv_when_a_fact_is_a_formula_then_no_cell_begins_as_one(
    project: Project, curator: Client
) -> None:
    for text in FORMULAS:
        audit.record(
            project=project, actor=None, verb="submit", target=text, facts={"reason": text}
        )
    rows = list(csv.DictReader(StringIO(body(curator, "/p/pilot/audit/export.csv?what=submit"))))
    assert [row["target"] for row in rows] == [f"'{text}" for text in FORMULAS]
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.strip(" ")[:1] in set("=+-@\t\r")]


def test_json_when_downloaded_then_anybody_can_follow_the_chain_to_the_head(
    project: Project, curator: Client, member: Member
) -> None:
    audit.record(project=project, actor=member("reader"), verb="submit", facts={"share": 0.1})
    head = head_of(project.id)
    export = json.loads(body(curator, "/p/pilot/audit/export.json"))
    before = EMPTY
    for row in export["rows"]:
        entry = Entry(
            UUID(export["chain"]),
            UUID(row["id"]),
            datetime.fromisoformat(row["created_at"]),
            UUID(row["actor"]) if row["actor"] else None,
            row["verb"],
            row["target"],
            row["facts"],
        )
        assert entry.digest_after(before) == row["sha256"]
        before = Head(row["sequence"], row["sha256"])
    assert before == head
    assert export["head"] == head.as_json()
    recorded = AuditEvent.objects.get(verb="export_audit")
    assert (recorded.actor.username, recorded.facts["format"]) == ("ann", "json")


def test_api_when_pages_are_followed_then_every_row_once_and_the_filters_hold(
    project: Project, curator: Client
) -> None:
    for number in range(6):
        audit.record(project=project, actor=None, verb="submit", target=number)
    url, found = "/api/v1/projects/pilot/audit/?page_size=4", []
    while url:
        page = curator.get(url).json()
        found += [row["sequence"] for row in page["results"]]
        url = page["next"]
    assert found == [7, 6, 5, 4, 3, 2, 1]
    only = curator.get("/api/v1/projects/pilot/audit/?what=submit&target=3").json()["results"]
    assert [row["target"] for row in only] == ["3"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("actor__password=x", 422),
        ("since=yesterday", 422),
        ("until=9999-12-31", 422),
        ("who=%00", 400),
        ("cursor=nonsense", 404),
        ("cursor=cD14", 404),  # a cursor whose position is no number
    ],
)
def test_api_when_the_query_is_wrong_then_a_sentence_and_no_500(
    curator: Client, query: str, status: int
) -> None:
    assert curator.get(f"/api/v1/projects/pilot/audit/?{query}").status_code == status


def test_image_when_seen_then_recorded_once_an_hour_and_not_for_its_own_reader(
    project: Project, member: Member
) -> None:
    image = factories.make_image(project)
    curator, reader = signed_in(member("curator", name="ann")), member("reader", name="bob")
    for url in (f"/p/pilot/images/{image.id}/", f"/api/v1/images/{image.id}/pixels/"):
        assert curator.get(url).status_code == 200
    case = signed_in(reader).post("/api/v1/projects/pilot/next/", "{}", "application/json").json()
    assert signed_in(reader).get(f"/api/v1/images/{image.id}/pixels/").status_code == 200
    rows = AuditEvent.objects.filter(target=str(image.id)).order_by("sequence")
    assert [(row.actor.username, row.verb) for row in rows] == [
        ("ann", "see_image"),
        ("bob", "lease_case"),
    ]
    assert rows[1].facts == {"assignment": case["assignment"], "purpose": "seed"}
