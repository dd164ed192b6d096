"""Undo and redo in Chromium: every tool, pick and slide, with a reload in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import expect

from annotation.models import User
from tests.browser.conftest import ReadingRoom
from tests.browser.desk import Desk, annotated, drafted
from tests.browser.drawing.sliding import slide

pytestmark = pytest.mark.browser

Moment = tuple[npt.NDArray[np.bool_], dict[str, Any]]


def moment(desk: Desk) -> Moment:
    return desk.mask(), desk.state()["basis"]


def expect_moment(desk: Desk, wanted: Moment) -> None:
    mask, basis = moment(desk)
    np.testing.assert_array_equal(mask, wanted[0])
    assert basis == wanted[1]


def work(desk: Desk) -> list[Moment]:
    """Draw, pick, slide, erase; return the moments between, the blank one first."""
    moments = [moment(desk)]

    def then(act: Any) -> None:
        act()
        moments.append(moment(desk))

    then(lambda: desk.drag((20, 20), (90, 40)))
    then(lambda: desk.pick(1))
    then(lambda: slide(desk, 0.2))
    then(lambda: desk.drag((200, 300), (260, 330)))
    desk.button("Eraser").click()
    then(lambda: desk.drag((140, 100), (160, 260)))
    return moments


def test_undo_when_reloaded_in_between_then_every_step_goes_both_ways(desk: Desk) -> None:
    moments = work(desk)
    assert len({mask.tobytes() for mask, _ in moments}) == len(moments)
    assert [basis["threshold"] is None for _, basis in moments] == [True, True, *[False] * 4]
    for index in (4, 3):
        desk.button("Undo").click()
        expect_moment(desk, moments[index])
    desk.wait_kept(desk.state()["stroke"])
    desk.page.reload()
    desk.wait_open()
    expect_moment(desk, moments[3])
    for index in (2, 1, 0):
        desk.page.keyboard.press("Control+z")
        expect_moment(desk, moments[index])
    expect(desk.button("Undo")).to_be_disabled()
    for index in (1, 2, 3, 4):
        desk.page.keyboard.press("Control+y")
        expect_moment(desk, moments[index])
    desk.button("Redo").click()
    expect_moment(desk, moments[5])
    expect(desk.button("Redo")).to_be_disabled()
    np.testing.assert_array_equal(drafted(desk), moments[5][0])


def test_undo_when_all_strokes_on_a_pick_are_undone_after_a_reload_then_picked(
    desk: Desk,
) -> None:
    case = desk.state()["current"]
    desk.pick(0)
    desk.drag((20, 20), (90, 40))
    desk.drag((20, 60), (90, 80))
    desk.wait_saved()
    desk.page.reload()
    desk.wait_open()
    desk.page.keyboard.press("Control+z")
    desk.page.keyboard.press("Control+z")
    desk.page.keyboard.press("Enter")
    desk.wait_taken(case["assignment"])
    annotation, _ = annotated(case["assignment"])
    assert annotation.verdict == "picked"


def test_undo_when_another_machine_went_on_then_the_history_here_is_dropped(
    desk: Desk, reading_room: ReadingRoom, reader: User
) -> None:
    desk.drag((20, 20), (90, 40))
    desk.wait_saved()
    page = desk.page
    page.goto(reading_room.server.url)
    elsewhere = reading_room.open(reading_room.sign_in(reader))
    elsewhere.wait_open()
    expect(elsewhere.button("Undo")).to_be_disabled()
    elsewhere.drag((20, 60), (90, 80))
    newest = drafted(elsewhere)
    page.go_back()
    desk.wait_open()
    np.testing.assert_array_equal(desk.mask(), newest)
    expect(desk.button("Undo")).to_be_disabled()
