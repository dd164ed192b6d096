"""Undo and redo in Chromium: every tool, pick and slide, with a reload in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import expect

from annotation.models import User
from tests.browser.conftest import ReadingRoom
from tests.browser.drawing.sliding import slide
from tests.browser.editor import Editor, read_annotation, read_draft

pytestmark = pytest.mark.browser

Moment = tuple[npt.NDArray[np.bool_], dict[str, Any]]


def moment(editor: Editor) -> Moment:
    return editor.mask(), editor.state()["basis"]


def expect_moment(editor: Editor, wanted: Moment) -> None:
    mask, basis = moment(editor)
    np.testing.assert_array_equal(mask, wanted[0])
    assert basis == wanted[1]


def work(editor: Editor) -> list[Moment]:
    """Draw, pick, slide, erase; return the moments between, the blank one first."""
    moments = [moment(editor)]

    def then(act: Any) -> None:
        act()
        moments.append(moment(editor))

    then(lambda: editor.drag((20, 20), (90, 40)))
    then(lambda: editor.pick(1))
    then(lambda: slide(editor, 0.2))
    then(lambda: editor.drag((200, 300), (260, 330)))
    editor.button("Eraser").click()
    then(lambda: editor.drag((140, 100), (160, 260)))
    return moments


def test_undo_when_reloaded_in_between_then_every_step_goes_both_ways(editor: Editor) -> None:
    moments = work(editor)
    assert len({mask.tobytes() for mask, _ in moments}) == len(moments)
    assert [basis["threshold"] is None for _, basis in moments] == [True, True, *[False] * 4]
    for index in (4, 3):
        editor.button("Undo").click()
        expect_moment(editor, moments[index])
    editor.wait_kept(editor.state()["stroke"])
    editor.page.reload()
    editor.wait_open()
    expect_moment(editor, moments[3])
    for index in (2, 1, 0):
        editor.page.keyboard.press("Control+z")
        expect_moment(editor, moments[index])
    expect(editor.button("Undo")).to_be_disabled()
    for index in (1, 2, 3, 4):
        editor.page.keyboard.press("Control+y")
        expect_moment(editor, moments[index])
    editor.button("Redo").click()
    expect_moment(editor, moments[5])
    expect(editor.button("Redo")).to_be_disabled()
    np.testing.assert_array_equal(read_draft(editor), moments[5][0])


def test_undo_when_all_strokes_on_a_pick_are_undone_after_a_reload_then_picked(
    editor: Editor,
) -> None:
    case = editor.state()["current"]
    editor.pick(0)
    editor.drag((20, 20), (90, 40))
    editor.drag((20, 60), (90, 80))
    editor.wait_saved()
    editor.page.reload()
    editor.wait_open()
    editor.page.keyboard.press("Control+z")
    editor.page.keyboard.press("Control+z")
    editor.page.keyboard.press("Enter")
    editor.wait_submitted(case["assignment"])
    annotation, _ = read_annotation(case["assignment"])
    assert annotation.verdict == "picked"


def test_undo_when_another_machine_went_on_then_the_history_here_is_dropped(
    editor: Editor, reading_room: ReadingRoom, reader: User
) -> None:
    editor.drag((20, 20), (90, 40))
    editor.wait_saved()
    page = editor.page
    page.goto(reading_room.server.url)
    elsewhere = reading_room.open(reading_room.sign_in(reader))
    elsewhere.wait_open()
    expect(elsewhere.button("Undo")).to_be_disabled()
    elsewhere.drag((20, 60), (90, 80))
    newest = read_draft(elsewhere)
    page.go_back()
    editor.wait_open()
    np.testing.assert_array_equal(editor.mask(), newest)
    expect(editor.button("Undo")).to_be_disabled()
