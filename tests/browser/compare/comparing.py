"""Another day's film beside the case: how a test brings it up and finds it."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.browser.desk import Desk

SHOWN = "window.roundtruth.state().comparison?.hasFilm"


def compare(desk: Desk) -> None:
    desk.page.keyboard.press("y")
    desk.wait(SHOWN)
    desk.frames()  # the panes have their sizes by then


def choice(desk: Desk) -> Locator:
    return desk.page.get_by_label("Film to compare with")
