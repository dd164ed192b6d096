"""Every screen in Chromium keeps WCAG 2.2 A and AA, as far as axe can tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, expect

from annotation.models import Image, Project, Round, User
from tests.annotation import factories
from tests.annotation.reporting import give_report
from tests.browser.axe import violations
from tests.browser.conftest import SHAPE, Desk, ReadingRoom

pytestmark = pytest.mark.browser


def test_reading_room_when_open_then_axe_finds_nothing(desk: Desk) -> None:
    assert violations(desk.page) == []
    desk.page.keyboard.press("1")
    desk.wait("window.roundtruth.state().hasProbability")
    for key in "madlo":
        desk.page.keyboard.press(key)
    desk.page.keyboard.press("c")
    desk.drag((80, 90), (140, 130))
    desk.page.keyboard.press("g")
    desk.wait_saved()
    assert violations(desk.page) == []


def test_reading_room_when_blind_and_beside_another_day_then_axe_finds_nothing(
    reading_room: ReadingRoom, project: Project, reader: User
) -> None:
    patient = factories.make_patient(project, "one")
    images = [
        factories.make_image(project, patient=patient, day=day, shape=SHAPE) for day in (0, 3, 7)
    ]
    factories.make_reference(images[2], factories.disc(shape=SHAPE, at=(180, 150), radius=60))
    factories.make_proposals(
        factories.make_round(project, stage="stage_1"), images[2], kind="out_of_fold"
    )
    desk = reading_room.open(reading_room.sign_in(reader))
    assert desk.wait_open()["blind"]
    assert violations(desk.page) == []
    desk.page.keyboard.press("y")
    desk.wait("window.roundtruth.state().comparison?.hasFilm")
    assert violations(desk.page) == []


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("?", "Keys"),
        ("x", "Exclude this case"),
        ("n", "Note on this case"),
        ("0", "Mark as no infection?"),
    ],
)
def test_dialog_when_open_then_axe_finds_nothing(desk: Desk, key: str, name: str) -> None:
    desk.drag((80, 90), (140, 130))
    desk.page.keyboard.press(key)
    expect(desk.page.get_by_role("dialog", name=name)).to_be_visible()
    assert violations(desk.page) == []


def test_two_masks_when_shown_then_axe_finds_nothing(desk: Desk, reading_room: ReadingRoom) -> None:
    stale = reading_room.open(desk.page.context)
    stale.wait_open()
    desk.drag((80, 90), (140, 130))
    desk.wait_saved()
    stale.drag((200, 200), (250, 250))
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    expect(dialog).to_be_visible(timeout=15_000)
    assert violations(stale.page) == []


def test_sign_in_when_the_session_ended_then_axe_finds_nothing(desk: Desk) -> None:
    Session.objects.all().delete()
    desk.drag((80, 90), (140, 130))
    dialog = desk.page.get_by_role("dialog", name="Sign in again")
    expect(dialog).to_be_visible(timeout=15_000)
    dialog.get_by_label("Password").fill("wrong")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_have_text("This password is not right.")
    assert violations(desk.page) == []
    dialog.get_by_role("button", name="Not now").click()
    desk.drag((80, 90), (140, 130))
    expect(desk.page.get_by_role("alert")).to_contain_text("You are signed out.")
    assert violations(desk.page) == []


def test_reading_room_when_all_is_read_then_axe_finds_nothing(
    reading_room: ReadingRoom, reader: User
) -> None:
    desk = reading_room.open(reading_room.sign_in(reader))
    expect(desk.page.get_by_role("heading", name="All read")).to_be_visible()
    assert violations(desk.page) == []


def test_login_when_shown_and_refused_then_axe_finds_nothing(
    reading_room: ReadingRoom, chromium: Browser
) -> None:
    page = chromium.new_context().new_page()
    page.goto(f"{reading_room.server.url}/accounts/login/")
    assert violations(page) == []
    page.get_by_label("Account name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()
    assert violations(page) == []


@pytest.fixture
def staff_page(reading_room: ReadingRoom, open_reads: None, member: Callable[..., User]) -> Page:
    """A page of somebody who may see everything, in a project with a measured round."""
    give_report(Round.objects.get(), Image.objects.all()[0])
    everything = member("reader", "curator", "engineer", "adjudicator", name="all")
    return reading_room.sign_in(everything).new_page()


@pytest.mark.parametrize(
    "path",
    [
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
        "/p/not-there/",
    ],
)
def test_page_when_shown_then_axe_finds_nothing(
    staff_page: Page, reading_room: ReadingRoom, path: str
) -> None:
    image = Image.objects.all()[0]
    staff_page.goto(reading_room.server.url + path.format(image=image.id))
    assert violations(staff_page) == []
