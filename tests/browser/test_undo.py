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

pytestmark = pytest.mark.browser

Moment = tuple[npt.NDArray[np.bool_], dict[str, Any]]


def moment(desk: Desk) -> Moment:
    return desk.mask(), desk.state()["basis"]


def expect_moment(desk: Desk, wanted: Moment) -> None:
    mask, basis = moment(desk)
    np.testing.assert_array_equal(mask, wanted[0])
    assert basis == wanted[1]


def pick(desk: Desk, index: int) -> None:
    candidate = desk.state()["current"]["candidates"][index]["id"]
    desk.page.keyboard.press(str(index + 1))
    desk.wait(f"window.roundtruth.state().basis.candidate === '{candidate}'")


def slide(desk: Desk, part: float) -> None:
    """Drag the threshold from where it is to a part of its track, with the mouse."""
    slider = desk.page.get_by_role("slider", name="Threshold of")
    expect(slider).to_be_enabled()
    box = slider.bounding_box()
    assert box
    mouse = desk.page.mouse
    t8 = desk.state()["threshold"]
    middle = box["y"] + box["height"] / 2
    mouse.move(box["x"] + 8 + (box["width"] - 16) * (t8 - 1) / 254, middle)
    mouse.down()
    mouse.move(box["x"] + box["width"] * part, middle, steps=9)
    mouse.up()


def work(desk: Desk) -> list[Moment]:
    """Draw, pick, slide, erase; return the moments between, the blank one first."""
    moments = [moment(desk)]

    def then(act: Any) -> None:
        act()
        moments.append(moment(desk))

    then(lambda: desk.drag((20, 20), (90, 40)))
    then(lambda: pick(desk, 1))
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
    pick(desk, 0)
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


def test_undo_when_pressed_while_the_threshold_slides_then_the_slide_is_taken_back(
    desk: Desk,
) -> None:
    pick(desk, 1)
    picked = moment(desk)
    slider = desk.page.get_by_role("slider", name="Threshold of")
    expect(slider).to_be_enabled()
    box = slider.bounding_box()
    assert box
    desk.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=5)
    desk.page.keyboard.press("Control+z")
    desk.page.mouse.up()
    assert not desk.mask().any()
    assert desk.state()["basis"]["candidate"] is None
    desk.page.keyboard.press("Control+Shift+z")
    expect_moment(desk, picked)


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
