"""Every screen in Chromium keeps WCAG 2.2 A and AA, as far as axe can tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, expect

from annotation.models import Image, Project, Round, User
from annotation.services.members import open_project
from tests.browser.compare.comparing import compare
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import Editor
from tests.browser.page.axe import violations
from tests.support.reporting import give_report

pytestmark = pytest.mark.browser


def test_reading_room_when_open_then_axe_finds_nothing(editor: Editor) -> None:
    assert violations(editor.page) == []
    editor.page.keyboard.press("1")
    editor.wait("window.roundtruth.state().hasProbability")
    for key in "madlo":
        editor.page.keyboard.press(key)
    editor.page.keyboard.press("c")
    editor.drag((80, 90), (140, 130))
    editor.page.keyboard.press("g")
    editor.wait_saved()
    assert violations(editor.page) == []


def test_reading_room_when_blind_and_beside_another_day_then_axe_finds_nothing(
    blind_editor: Editor,
) -> None:
    assert violations(blind_editor.page) == []
    compare(blind_editor)
    assert violations(blind_editor.page) == []


DIALOGS = {
    "?": "Keys",
    "x": "Exclude this case",
    "n": "Note on this case",
    "0": "Mark as no infection?",
    "Shift+G": "Guideline",
}


def test_dialog_when_open_then_axe_finds_nothing(editor: Editor) -> None:
    editor.drag((80, 90), (140, 130))
    for key, name in DIALOGS.items():
        editor.page.keyboard.press(key)
        dialog = editor.page.get_by_role("dialog", name=name)
        expect(dialog).to_be_visible()
        assert violations(editor.page) == [], name
        editor.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


def test_last_ten_when_empty_and_with_a_case_then_axe_finds_nothing(editor: Editor) -> None:
    dialog = editor.last_ten()
    assert violations(editor.page) == []
    dialog.get_by_role("button", name="Close").click()
    accepted = editor.state()["current"]["assignment"]
    editor.page.keyboard.press("1")
    editor.wait("window.roundtruth.mask.count() > 0")
    editor.page.keyboard.press("Enter")
    editor.wait_submitted(accepted)
    expect(editor.last_ten().locator(".last-case")).to_have_count(1)
    assert violations(editor.page) == []


def test_two_masks_when_shown_then_axe_finds_nothing(
    editor: Editor, reading_room: ReadingRoom
) -> None:
    stale = reading_room.open(editor.page.context)
    stale.wait_open()
    editor.page.bring_to_front()
    editor.drag((80, 90), (140, 130))
    editor.wait_saved()
    stale.page.bring_to_front()
    stale.drag((200, 200), (250, 250))
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    expect(dialog).to_be_visible()
    assert violations(stale.page) == []


def test_sign_in_when_the_session_ended_then_axe_finds_nothing(editor: Editor) -> None:
    Session.objects.all().delete()
    editor.drag((80, 90), (140, 130))
    dialog = editor.page.get_by_role("dialog", name="Sign in again")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Password").fill("wrong")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_have_text("This password is wrong.")
    assert violations(editor.page) == []
    dialog.get_by_role("button", name="Not now").click()
    editor.drag((80, 90), (140, 130))
    expect(editor.page.get_by_role("alert")).to_contain_text("You are signed out.")
    assert violations(editor.page) == []


def test_sign_in_when_it_comes_over_a_note_then_it_has_its_own_name(editor: Editor) -> None:
    editor.page.route("**/draft/**", lambda route: route.abort())
    editor.drag((80, 90), (140, 130))
    editor.page.keyboard.press("n")
    expect(editor.page.get_by_role("dialog", name="Note on this case")).to_be_visible()
    Session.objects.all().delete()
    editor.page.unroute("**/draft/**")
    expect(editor.page.get_by_role("dialog", name="Sign in again")).to_be_visible()
    assert violations(editor.page) == []


def test_reading_room_when_all_is_read_then_axe_finds_nothing(
    reading_room: ReadingRoom, reader: User
) -> None:
    editor = reading_room.open(reading_room.sign_in(reader))
    expect(editor.page.get_by_role("heading", name="All read")).to_be_visible()
    assert violations(editor.page) == []


def test_login_when_shown_and_refused_then_axe_finds_nothing(
    reading_room: ReadingRoom, chromium: Browser
) -> None:
    page = chromium.new_context().new_page()
    page.goto(f"{reading_room.server.url}/accounts/login/")
    assert violations(page) == []
    page.get_by_label("Account name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".errorlist")).to_be_visible()
    assert violations(page) == []


@pytest.fixture
def staff_page(reading_room: ReadingRoom, open_reads: None, member: Callable[..., User]) -> Page:
    """A page of somebody who may see everything, in a project with a measured round."""
    give_report(Round.objects.get(), Image.objects.all()[0])
    open_project(project=Project.objects.get(), actor=None)  # elsewhere nobody has all roles
    everything = member("reader", "curator", "engineer", "adjudicator", name="all")
    return reading_room.sign_in(everything).new_page()


PATHS = [
    "/",
    "/p/pilot/",
    "/p/pilot/people/",
    "/p/pilot/images/",
    "/p/pilot/images/{image}/",
    "/p/pilot/import/",
    "/p/pilot/rounds/",
    "/p/pilot/rounds/1/",
    "/p/pilot/rounds/1/report/",
    "/p/pilot/rounds/plan/",
    "/p/pilot/releases/",
    "/account/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/2fa/webauthn/login/",
    "/accounts/sessions/",
    "/p/not-there/",
]


def test_page_when_shown_then_axe_finds_nothing(
    staff_page: Page, reading_room: ReadingRoom
) -> None:
    image = Image.objects.all()[0]
    broken = {}
    for path in PATHS:
        staff_page.goto(reading_room.server.url + path.format(image=image.id))
        broken[path] = violations(staff_page)
    assert not any(broken.values()), broken
