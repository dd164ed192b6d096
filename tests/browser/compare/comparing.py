"""Another day's film beside the case: how a test brings it up and finds it."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.browser.editor import Editor

SHOWN = "window.roundtruth.state().comparison?.hasFilm"


def compare(editor: Editor) -> None:
    editor.page.keyboard.press("y")
    editor.wait(SHOWN)
    editor.wait_frames()  # the panes have their sizes by then


def choice(editor: Editor) -> Locator:
    return editor.page.get_by_label("Film to compare with")
