"""What a blind read, a closed page and the page's policy give away in Chromium: nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from annotation.models import Assignment, Image, User
from tests.browser.blind import SECRETS, Answers, expect_none
from tests.browser.conftest import ReadingRoom
from tests.browser.desk import Desk, url_of

pytestmark = pytest.mark.browser


def test_blind_read_when_open_then_nothing_betrays_a_candidate(
    pick_case: Image, reading_room: ReadingRoom, reader: User
) -> None:
    context = reading_room.sign_in(reader)
    answers = Answers(context)
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
    desk.page.wait_for_timeout(500)  # what should not be shown could come
    page = desk.page.content().lower()
    assert desk.page.get_by_role("slider").count() == 1  # opacity of the mask, no threshold
    seen = [*answers.texts(), page]
    assert len(seen) > 6
    expect_none(SECRETS, seen)
    expect_none(("dice", "px changed"), [page])


def test_leases_when_the_page_closes_then_the_prefetched_case_is_given_back(desk: Desk) -> None:
    current = desk.state()["current"]["assignment"]
    ahead = desk.wait_ahead()  # the page can give back only what it knows of
    desk.page.goto("about:blank")
    leased = Assignment.objects.filter(state="open")
    desk.until(lambda: not leased.filter(id=ahead.id).exists())
    assert [str(row.id) for row in leased] == [current]


def test_page_when_loaded_then_its_policy_allows_nothing_inline(
    desk: Desk, reading_room: ReadingRoom
) -> None:
    response = desk.page.request.get(url_of(desk, f"/p/{reading_room.project.slug}/read/"))
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert " style=" not in response.text()
    expect(desk.page.get_by_label("Mask editor")).to_be_visible()
