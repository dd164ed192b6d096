"""One's sessions: the list, their end, and the end of a session without activity."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.template.loader import render_to_string
from django.test import Client

from annotation.models import Project, User
from mlloop.pixels.masks import encode_wire_mask
from tests.support import factories

Member = Callable[..., User]


@pytest.fixture(autouse=True)
def empty_cache(db: None) -> None:
    cache.clear()


def sign_in(name: str, browser: str = "Firefox") -> Client:
    client = Client(headers={"User-Agent": browser})
    client.post("/accounts/login/", {"login": name, "password": "pass"})
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/", headers={"X-Background": "1"}).status_code == 200


def test_sessions_then_lists_each_browser_and_ends_the_chosen_one(member: Member) -> None:
    member("reader")
    here, there, phone = (sign_in("reader", name) for name in ("Here", "There", "Phone"))
    page = here.get("/accounts/sessions/")
    assert [row.user_agent for row in page.context["rows"]] == ["Here", "There", "Phone"]
    chosen = next(row for row in page.context["rows"] if row.user_agent == "Phone")
    here.post("/accounts/sessions/", {"session": chosen.pk})
    assert [is_signed_in(client) for client in (here, there, phone)] == [True, True, False]
    here.post("/accounts/sessions/", {"session": "others"})
    assert [is_signed_in(client) for client in (here, there)] == [True, False]


def test_sessions_when_it_is_somebody_elses_then_it_goes_on(member: Member) -> None:
    member("reader"), member("curator")
    reader, curator = sign_in("reader"), sign_in("curator")
    row = reader.get("/accounts/sessions/").context["rows"][0]
    curator.post("/accounts/sessions/", {"session": row.pk})
    curator.post("/accounts/sessions/", {"session": "others"})
    assert is_signed_in(reader)


@pytest.fixture
def clock(settings: LazySettings) -> time_machine.Traveller:
    settings.IDLE_TIMEOUT = timedelta(minutes=30)
    with time_machine.travel("2026-11-30 09:00", tick=False) as traveller:
        yield traveller


def test_session_when_nothing_happens_then_it_ends_in_the_database_too(
    member: Member, clock: time_machine.Traveller
) -> None:
    member("reader")
    client = sign_in("reader")
    assert client.get("/").status_code == 200
    clock.shift(timedelta(minutes=29))
    assert client.get("/").status_code == 200
    clock.shift(timedelta(minutes=31))
    answer = client.get("/", follow=True)
    assert answer.redirect_chain[0][0].startswith("/accounts/login/")
    assert "You were signed out after 30 minutes" in answer.content.decode()
    assert not any("_auth_user_id" in row.get_decoded() for row in Session.objects.all())


def test_session_when_only_a_page_polls_then_it_ends(
    member: Member, clock: time_machine.Traveller
) -> None:
    member("curator")
    client = sign_in("curator")
    client.get("/")
    for _ in range(7):
        clock.shift(timedelta(minutes=5))
        client.get("/", headers={"X-Background": "1"})
    assert client.get("/api/v1/projects/").status_code == 401


def test_session_when_strokes_are_saved_then_it_goes_on(
    member: Member, project: Project, clock: time_machine.Traveller
) -> None:
    member("reader")
    factories.make_proposals(
        factories.make_round(project, stage="stage_2"), factories.make_image(project)
    )
    client = sign_in("reader")
    body = {"content_type": "application/json"}
    case = client.post(f"/api/v1/projects/{project.slug}/next/", "{}", **body).json()
    headers = {"If-None-Match": "*"}
    for radius in range(5, 12):
        clock.shift(timedelta(minutes=10))
        saved = client.put(
            f"/api/v1/assignments/{case['assignment']}/draft/",
            encode_wire_mask(factories.disc(radius=radius)),
            content_type="image/png",
            headers=headers,
        )
        assert saved.status_code in (200, 201)
        headers = {"If-Match": saved["ETag"]}
    assert is_signed_in(client)


def test_session_when_no_limit_is_set_then_it_goes_on(
    member: Member, clock: time_machine.Traveller, settings: LazySettings
) -> None:
    settings.IDLE_TIMEOUT = timedelta(0)
    member("reader")
    client = sign_in("reader")
    clock.shift(timedelta(days=3))
    assert is_signed_in(client)


class RepeatedRequests(HTMLParser):
    """The headers of each element that repeats a request by itself, as htmx reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.headers: list[dict[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if (attributes.get("hx-trigger") or "").startswith("every"):
            self.headers.append(json.loads(attributes.get("hx-headers") or "{}"))


TEMPLATES = Path(__file__).parents[4] / "annotation" / "templates"
POLLING = {
    path.relative_to(TEMPLATES).as_posix()
    for path in TEMPLATES.rglob("*.html")
    if 'hx-trigger="every' in path.read_text()
}


@pytest.mark.parametrize("template", sorted(POLLING))
def test_page_when_it_repeats_a_request_then_it_says_that_nobody_did_it(template: str) -> None:
    row = SimpleNamespace(id=uuid.uuid4(), number=1, slug="chest")
    context = {
        "project": row,
        "intake": row,
        "estimate": row,
        "view": SimpleNamespace(round=row, is_live=True),
        "is_running": True,
        "is_waiting": True,
    }
    page = render_to_string(template, context)
    assert RepeatedRequests(page).headers == [{"X-Background": "1"}]


def test_pages_when_they_name_headers_then_htmx_can_read_them() -> None:
    sources = [path.read_text() for path in TEMPLATES.rglob("*.html")]
    named = [text for source in sources for text in re.findall(r"hx-headers='([^']*)'", source)]
    assert sum(source.count("hx-headers") for source in sources) == len(named)
    assert all(json.loads(text) for text in named)
