"""A drawing under way in Chromium: no verb, dialog or other case drops what is held."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Dialog, expect

from annotation.models import Assignment
from tests.browser.conftest import ReadingRoom
from tests.browser.desk import Desk, drafted
from tests.browser.drawing.cross import move_cross, press_keys
from tests.browser.saving.offline import accept_offline

pytestmark = pytest.mark.browser

LASSO = ((200, 200), (250, 200), (250, 250), (200, 250))
INSIDE = (225, 225)


def hold(desk: Desk, tool: str) -> None:
    """Press the keyboard's cross with a tool, and move it."""
    press_keys(desk, tool, ".", "Space")
    move_cross(desk, 40, 10)
    assert desk.state()["cross"]["isDown"]


def expect_lifted(desk: Desk) -> None:
    """The next steps of the cross draw nothing."""
    assert not desk.state()["cross"]["isDown"]
    before = desk.mask()
    move_cross(desk, 20, 0)
    np.testing.assert_array_equal(desk.mask(), before)


def test_undo_when_the_keys_hold_a_stroke_then_it_takes_back_that_one_alone(desk: Desk) -> None:
    expect(desk.button("Undo")).to_be_disabled()
    hold(desk, "b")
    held = desk.mask()
    expect(desk.button("Undo")).to_be_enabled()
    press_keys(desk, "Control+z")
    assert not desk.mask().any()
    expect_lifted(desk)
    press_keys(desk, "Control+Shift+z")
    np.testing.assert_array_equal(desk.mask(), held)
    press_keys(desk, "Space")
    move_cross(desk, 0, 60)
    both = desk.mask()
    assert both.sum() > held.sum()
    press_keys(desk, "Control+z")
    np.testing.assert_array_equal(desk.mask(), held)
    np.testing.assert_array_equal(drafted(desk), held)
    press_keys(desk, "Space")
    move_cross(desk, 0, -60)
    other = desk.mask()
    press_keys(desk, "Control+y")  # ends it too, and what was undone before is gone
    np.testing.assert_array_equal(desk.mask(), other)
    expect_lifted(desk)
    press_keys(desk, "Control+z")
    np.testing.assert_array_equal(desk.mask(), held)


def test_undo_when_the_mouse_holds_a_stroke_then_it_takes_back_that_one_alone(desk: Desk) -> None:
    desk.drag((80, 90), (140, 130))
    first = desk.mask()
    desk.drag((200, 200), (250, 250), release=False)
    both = desk.mask()
    press_keys(desk, "Control+z")
    desk.page.mouse.move(*desk.on_screen(100, 300), steps=3)
    desk.page.mouse.up()
    np.testing.assert_array_equal(desk.mask(), first)
    press_keys(desk, "Control+Shift+z")
    np.testing.assert_array_equal(desk.mask(), both)


def test_undo_when_the_keys_hold_the_ruler_then_no_stroke_is_taken_back(desk: Desk) -> None:
    desk.drag((80, 90), (140, 130))
    drawn = desk.mask()
    hold(desk, "j")
    press_keys(desk, "Control+z")
    np.testing.assert_array_equal(desk.mask(), drawn)
    assert not desk.state()["cross"]["isDown"]
    press_keys(desk, "Control+z")
    assert not desk.mask().any()


def test_film_when_the_mouse_holds_a_stroke_then_no_key_moves_it_away(desk: Desk) -> None:
    desk.zoom_to(3.0, (150, 180))
    view = desk.state()["view"]
    desk.drag((140, 170), (150, 180), release=False)
    drawn, keys = desk.mask(), ("ArrowLeft", "PageUp", "Home")
    for key in keys:
        press_keys(desk, key)
        assert desk.state()["view"] == view, key
    desk.page.mouse.up()
    np.testing.assert_array_equal(desk.mask(), drawn)
    for key in keys:
        view = desk.state()["view"]
        press_keys(desk, key)
        assert desk.state()["view"] != view, key


@pytest.mark.parametrize("tool", ["b", pytest.param("f", marks=pytest.mark.slow)])
@pytest.mark.parametrize("verb", ["+", "3", "threshold"])
def test_verb_when_the_keys_hold_a_drawing_then_that_is_an_entry_of_its_own(
    desk: Desk, tool: str, verb: str
) -> None:
    press_keys(desk, "2")
    desk.wait("window.roundtruth.state().hasProbability")
    before = desk.mask()
    desk.page.mouse.move(*desk.on_screen(30, 30))
    hold(desk, tool)
    move_cross(desk, -20, 30)
    stroke = desk.state()["stroke"]
    if verb == "threshold":
        desk.page.get_by_role("slider", name="Threshold of").fill("30")
    else:
        press_keys(desk, verb)
    desk.wait(f"window.roundtruth.state().stroke === {stroke + 2}")
    assert not desk.state()["cross"]["isDown"]
    press_keys(desk, "Control+z")
    drawn = desk.mask()
    assert (drawn & ~before).any()
    press_keys(desk, "Control+z")
    np.testing.assert_array_equal(desk.mask(), before)


@pytest.mark.parametrize("holder", ["mouse", "keys"])
def test_lasso_when_the_refused_case_comes_back_then_it_ends_first_and_is_kept(
    desk: Desk, holder: str
) -> None:
    case, refused = accept_offline(desk)
    newer = desk.state()["current"]["assignment"]
    press_keys(desk, "f")
    if holder == "mouse":
        desk.drag(*LASSO, release=False)
    else:
        press_keys(desk, ".")
        cross = desk.state()["cross"]["at"]
        move_cross(desk, 200 - cross["x"], 200 - cross["y"])
        press_keys(desk, "Space")
        for right, down in ((50, 0), (0, 50), (-50, 0)):
            move_cross(desk, right, down)
        expect(desk.page.get_by_role("alert")).to_be_hidden()
    Assignment.objects.filter(id=case).update(state=Assignment.State.RELEASED)
    desk.page.context.set_offline(False)
    desk.wait("window.roundtruth.state().isBusy")
    assert desk.state()["current"]["assignment"] == newer
    if holder == "mouse":
        desk.page.mouse.up()
    else:
        expect(desk.page.get_by_role("alert")).to_contain_text(
            "A question is waiting. Press Space to end what the cross draws"
        )
        press_keys(desk, "Space")
    desk.wait(f"window.roundtruth.state().current?.assignment === '{case}'")
    np.testing.assert_array_equal(desk.mask(), refused)
    desk.page.get_by_role("button", name="Go to the next case").click()
    desk.wait(f"window.roundtruth.state().current?.assignment === '{newer}'")
    desk.wait_open()
    assert desk.mask()[INSIDE]
    assert drafted(desk)[INSIDE]


def test_conflict_when_a_lasso_is_under_way_then_its_dialog_waits_for_the_end(
    desk: Desk, reading_room: ReadingRoom
) -> None:
    stale = reading_room.open(desk.page.context)
    stale.wait_open()
    desk.page.bring_to_front()
    desk.drag((80, 90), (140, 130))
    drafted(desk)
    stale.page.bring_to_front()
    waiting = stale.hold_first("**/draft/**")
    stale.drag((30, 30), (60, 30))
    press_keys(stale, "f")
    stale.drag(*LASSO, release=False)
    stale.until(lambda: waiting)
    with stale.page.expect_response(lambda answer: answer.request.method == "GET"):
        waiting[0].continue_()
    stale.frames()
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    expect(dialog).to_be_hidden()
    stale.page.mouse.up()
    dialog.get_by_role("button", name="Take mine").click()
    expect(dialog).to_be_hidden()
    mine = drafted(stale)
    assert mine[INSIDE]
    assert mine[30, 45]


def test_page_when_left_then_it_asks_while_a_drawing_is_begun_and_not_ended(desk: Desk) -> None:
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    def leave() -> list[str]:
        asked.clear()
        desk.page.reload()
        desk.wait_open()
        return list(asked)

    desk.page.on("dialog", agree)
    desk.drag((80, 90), (140, 130))
    assert leave() == []
    press_keys(desk, "p")
    desk.page.mouse.click(*desk.on_screen(200, 200))
    assert leave() == ["beforeunload"]
    press_keys(desk, "f")
    desk.drag(*LASSO, release=False)
    assert leave() == ["beforeunload"]
    desk.page.mouse.up()
    assert leave() == []
