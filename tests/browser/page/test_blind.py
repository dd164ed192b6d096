"""What a blind read, a closed page and the page's policy give away in Chromium: nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from annotation.models import Assignment, Image, User
from tests.browser.blind import SECRETS, Answers, expect_none
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import Editor, absolute_url

pytestmark = pytest.mark.browser


def test_blind_read_when_open_then_nothing_betrays_a_candidate(
    pick_case: Image, reading_room: ReadingRoom, reader: User
) -> None:
    context = reading_room.sign_in(reader)
    answers = Answers(context)
    editor = reading_room.open(context)
    case = editor.wait_open()
    assert case["blind"]
    assert case["purpose"] == "pick"
    assert len(case["candidates"]) == 3
    for number, row in enumerate(case["candidates"], start=1):
        letter = "ABC"[number - 1]
        assert row["name"] is row["threshold"] is row["probability_url"] is None
        expect(editor.button(f"Candidate {letter} ({number})")).to_be_visible()
        editor.page.keyboard.press(str(number))
        editor.wait(f"window.roundtruth.state().basis.candidate === '{row['id']}'")
        probability = f"/api/v1/candidates/{row['id']}/probability/"
        assert editor.page.request.get(absolute_url(editor, probability)).status == 404
    editor.page.wait_for_timeout(500)  # what should not be shown could come
    page = editor.page.content().lower()
    assert editor.page.get_by_role("slider").count() == 1  # opacity of the mask, no threshold
    seen = [*answers.texts(), page]
    assert len(seen) > 6
    expect_none(SECRETS, seen)
    expect_none(("dice", "px changed"), [page])


def test_leases_when_the_page_closes_then_the_prefetched_case_is_given_back(editor: Editor) -> None:
    current = editor.state()["current"]["assignment"]
    ahead = editor.wait_ahead()  # the page can give back only what it knows of
    editor.page.goto("about:blank")
    leased = Assignment.objects.filter(state="open")
    editor.wait_until(lambda: not leased.filter(id=ahead.id).exists())
    assert [str(row.id) for row in leased] == [current]


def test_page_when_loaded_then_its_policy_allows_nothing_inline(
    editor: Editor, reading_room: ReadingRoom
) -> None:
    response = editor.page.request.get(
        absolute_url(editor, f"/p/{reading_room.project.slug}/read/")
    )
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert " style=" not in response.text()
    expect(editor.page.get_by_label("Mask editor")).to_be_visible()
