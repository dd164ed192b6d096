"""What a blind read, a closed page and the page's policy give away in Chromium: nothing."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from annotation.models import Assignment, Project, User
from tests.annotation import factories
from tests.browser.conftest import SHAPE, Desk, ReadingRoom, url_of

pytestmark = pytest.mark.browser


SECRETS = ("secret-name", "secret-source", "secret-finding", "resnet18", "unet", "ensemble", "fold")


def test_blind_read_when_open_then_nothing_betrays_a_candidate(
    reading_room: ReadingRoom, project: Project, reader: User
) -> None:
    image = factories.make_image(project, shape=SHAPE)
    factories.make_reference(image, factories.disc(shape=SHAPE, at=(180, 150), radius=60))
    factories.make_proposals(
        factories.make_round(project, stage="stage_1"), image, kind="out_of_fold"
    )
    context = reading_room.sign_in(reader)
    answers: list[str] = []

    def note(response) -> None:
        if "/static/" in response.url:
            return
        text = response.text() if "json" in response.headers.get("content-type", "") else ""
        answers.append(f"{response.url} {json.dumps(response.headers)} {text}".lower())

    context.on("response", note)
    desk = reading_room.open(context)
    case = desk.wait_open()
    assert case["blind"]
    assert case["purpose"] == "pick"
    assert len(case["candidates"]) == 3
    for number, row in enumerate(case["candidates"], start=1):
        letter = "ABC"[number - 1]
        assert row["name"] is row["threshold"] is row["probability_url"] is None
        expect(desk.button(f"Candidate {letter} ({number})")).to_be_visible()
        desk.page.keyboard.press(str(number))
        desk.wait(f"window.roundtruth.state().basis.candidate === '{row['id']}'")
        probability = f"/api/v1/candidates/{row['id']}/probability/"
        assert desk.page.request.get(url_of(desk, probability)).status == 404
    desk.page.wait_for_timeout(500)
    page = desk.page.content().lower()
    assert desk.page.get_by_role("slider").count() == 1  # opacity of the mask, no threshold
    assert "dice" not in page
    assert "px changed" not in page
    seen = [*answers, page]
    assert len(seen) > 6
    for secret in SECRETS:
        assert [text[:200] for text in seen if secret in text] == []


def test_leases_when_the_page_closes_then_the_prefetched_case_is_given_back(desk: Desk) -> None:
    current = desk.state()["current"]["assignment"]
    others = Assignment.objects.filter(state="open").exclude(id=current)
    for _ in range(200):
        if prefetched := others.first():
            break
        desk.page.wait_for_timeout(50)
    assert prefetched is not None
    # The page can give back only what it knows of: it has asked for the pixels by then.
    desk.page.wait_for_function(
        "image => performance.getEntriesByType('resource').some(one => one.name.includes(image))",
        arg=str(prefetched.image_id),
    )
    desk.page.goto("about:blank")
    for _ in range(200):
        if not others.exists():
            break
        desk.page.wait_for_timeout(50)
    assert [str(row.id) for row in Assignment.objects.filter(state="open")] == [current]


def test_page_when_loaded_then_its_policy_allows_nothing_inline(
    desk: Desk, reading_room: ReadingRoom
) -> None:
    response = desk.page.request.get(url_of(desk, f"/p/{reading_room.project.slug}/read/"))
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert " style=" not in response.text()
    expect(desk.page.get_by_label("Mask editor")).to_be_visible()
