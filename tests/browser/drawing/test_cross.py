"""The keyboard's cross in Chromium: every tool that needs points works without a pointer."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import ReadingRoom
from tests.browser.desk import Desk, annotated, drafted
from tests.browser.drawing.cross import move_cross, press_keys

pytestmark = pytest.mark.browser

MIDDLE = {"x": 150, "y": 180}


def cross(desk: Desk) -> dict:
    """Return where the cross is, in pixels of the film."""
    return desk.state()["cross"]["at"]


def spoken(desk: Desk) -> Locator:
    return desk.page.locator(".stage .spoken")


def test_polygon_when_set_by_keys_then_it_is_closed_by_enter_and_accepted_by_the_next(
    desk: Desk,
) -> None:
    case = desk.state()["current"]["assignment"]
    press_keys(desk, "p", ".")
    expect(desk.page.get_by_label("Mask editor")).to_be_focused()
    expect(spoken(desk)).to_have_attribute("aria-live", "polite")
    assert cross(desk) == MIDDLE
    press_keys(desk, "Space")
    move_cross(desk, 52, 0)
    press_keys(desk, "Space")
    move_cross(desk, 3, -7)
    press_keys(desk, "Space", "Control+z")  # takes the last corner back
    move_cross(desk, -3, 67)
    press_keys(desk, "Space")
    expect(spoken(desk)).to_have_text("x 202, y 240, 3 corners")
    assert desk.state()["stroke"] == 0
    press_keys(desk, "Enter")
    mask = desk.mask()
    assert abs(int(mask.sum()) - 52 * 60 // 2) < 60
    assert mask[200, 195]
    assert not mask[235, 160]
    assert desk.state()["current"]["assignment"] == case
    press_keys(desk, "Enter")
    desk.wait_taken(case)
    np.testing.assert_array_equal(annotated(case)[1], mask)
    desk.wait_open()
    assert cross(desk) == MIDDLE  # out still, on the next film


def test_polygon_when_the_first_corner_is_pressed_again_then_it_closes(desk: Desk) -> None:
    press_keys(desk, "p", ".", "Space")
    for right, down in ((40, 0), (0, 40), (-40, 0)):
        move_cross(desk, right, down)
        press_keys(desk, "Space")
    assert desk.state()["corners"] == 4
    move_cross(desk, 1, -39)
    press_keys(desk, "Space")
    assert desk.state()["corners"] == 0
    assert desk.mask()[200, 170]


def test_ruler_when_drawn_by_keys_then_its_length_is_shown_and_spoken(desk: Desk) -> None:
    ruler = desk.page.get_by_label("Ruler", exact=True).and_(desk.page.locator("output"))
    press_keys(desk, "j", ".", "Space")
    move_cross(desk, 63, 0)
    press_keys(desk, "Space")
    move_cross(desk, 0, 30)
    expect(ruler).to_have_text("63 px, spacing unknown")
    expect(spoken(desk)).to_have_text("x 213, y 210, 63 px, spacing unknown")
    press_keys(desk, "Space")
    move_cross(desk, 0, 5)
    press_keys(desk, "Escape")  # drops the one under way
    expect(ruler).to_have_text("63 px, spacing unknown")
    assert not desk.mask().any()


def test_region_when_dragged_by_keys_then_it_sets_the_window_and_the_tool_stays(
    desk: Desk,
) -> None:
    before = desk.state()["window"]
    press_keys(desk, "w", ".", "u", "Space")
    move_cross(desk, 30, 40)
    assert desk.state()["window"] == before
    press_keys(desk, "Space")
    now = desk.state()
    assert now["window"] != before
    assert not now["isRegionNext"]
    assert now["tool"] == "window"


@pytest.mark.parametrize(
    ("tool", "inside"), [("b", (180, 190)), ("f", (190, 180)), ("e", None), ("c", (185, 160))]
)
def test_drawing_tool_when_worked_by_keys_then_it_does_what_a_mouse_does(
    desk: Desk, tool: str, inside: tuple[int, int] | None
) -> None:
    if tool == "e":
        press_keys(desk, "2")
        desk.wait("window.roundtruth.mask.count() > 0")
    before = desk.mask()
    corners = [(150, 180), (200, 180), (200, 230), (150, 230)]
    press_keys(desk, tool)
    desk.drag(*corners)
    by_mouse = desk.mask()
    assert (by_mouse != before).any()
    press_keys(desk, "Control+z")
    np.testing.assert_array_equal(desk.mask(), before)
    desk.page.mouse.move(5, 5)
    press_keys(desk, ".")
    at = cross(desk)
    move_cross(desk, 150 - at["x"], 180 - at["y"])
    press_keys(desk, "Space")
    for right, down in ((50, 0), (0, 50), (-50, 0)):
        move_cross(desk, right, down)
    press_keys(desk, "Space")
    by_keys = desk.mask()
    assert int((by_keys != by_mouse).sum()) < 250  # the mouse is on whole pixels of the screen
    if inside:
        assert by_keys[inside]
    np.testing.assert_array_equal(drafted(desk), by_keys)
    press_keys(desk, "Control+z")
    np.testing.assert_array_equal(desk.mask(), before)


def test_arrows_when_the_film_is_turned_then_cross_and_film_go_the_way_of_the_eye(
    desk: Desk,
) -> None:
    press_keys(desk, "Shift+R", "Shift+F", "b", ".")
    x, y = desk.on_screen(**cross(desk))
    move_cross(desk, 20, 0)
    right, same = desk.on_screen(**cross(desk))
    assert right > x + 10
    assert same == pytest.approx(y, abs=1)
    press_keys(desk, ".")
    x, y = desk.on_screen(150, 180)
    press_keys(desk, "ArrowRight")
    assert desk.on_screen(150, 180) == pytest.approx((x - 60, y), abs=1)


def test_cross_when_the_film_is_near_then_it_stays_in_sight_and_the_zoom_is_about_it(
    desk: Desk,
) -> None:
    press_keys(desk, "b", ".")
    move_cross(desk, 40, 0)
    before = desk.on_screen(**cross(desk))
    for _ in range(8):
        press_keys(desk, "PageUp")
    assert desk.on_screen(**cross(desk)) == pytest.approx(before, abs=1)
    move_cross(desk, 200, -100)
    assert cross(desk) == {"x": 300, "y": 80}  # the film's edge
    box = desk.page.get_by_label("Mask editor").bounding_box()
    assert box
    x, y = desk.on_screen(**cross(desk))
    assert box["x"] < x < box["x"] + box["width"]
    assert box["y"] < y < box["y"] + box["height"]


def test_hand_and_window_when_the_cross_is_out_then_arrows_work_them_and_space_is_the_naked_film(
    desk: Desk,
) -> None:
    press_keys(desk, ".", "v")
    x, y = desk.on_screen(150, 180)
    press_keys(desk, "ArrowLeft")
    assert desk.on_screen(150, 180) == pytest.approx((x + 60, y), abs=1)
    press_keys(desk, "w")
    before, view = desk.state()["window"], desk.state()["view"]
    press_keys(desk, "ArrowRight", "Shift+ArrowUp")
    now = desk.state()["window"]
    assert now["width"] > before["width"]
    assert now["center"] > before["center"]
    assert desk.state()["view"] == view
    desk.page.keyboard.down(" ")
    assert desk.state()["isNaked"]
    desk.page.keyboard.up(" ")
    assert not desk.state()["isNaked"]
    assert not desk.mask().any()


def test_keys_when_they_hold_a_stroke_then_a_verdict_and_the_mouse_end_it_and_keep_it(
    desk: Desk,
) -> None:
    case = desk.state()["current"]["assignment"]
    press_keys(desk, "b", ".", "Space")
    move_cross(desk, 30, 0)
    press_keys(desk, "Enter")
    assert desk.state()["stroke"] == 1
    assert not desk.state()["cross"]["isDown"]
    press_keys(desk, "Space")
    move_cross(desk, 0, 30)
    press_keys(desk, "e")  # another tool
    assert desk.state()["stroke"] == 2
    press_keys(desk, "b", "Space")
    move_cross(desk, 30, 0)
    desk.drag((40, 40), (80, 40))
    assert desk.state()["stroke"] == 4
    assert desk.state()["cross"] is None
    mask = desk.mask()
    assert mask[180, 170]
    assert mask[205, 180]
    assert mask[210, 205]
    assert mask[40, 60]
    assert desk.state()["current"]["assignment"] == case


def test_two_masks_when_mixed_by_keys_then_the_region_is_theirs(
    desk: Desk, reading_room: ReadingRoom
) -> None:
    stale = reading_room.open(desk.page.context)
    stale.wait_open()
    desk.drag((40, 60), (100, 60))
    desk.drag((40, 300), (100, 300))
    theirs = drafted(desk)
    stale.drag((200, 200), (250, 250))
    mine = stale.mask()
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    mixer = dialog.get_by_role("application", name="The mix")
    expect(mixer).to_be_visible(timeout=15_000)
    keyboard = stale.page.keyboard
    for _ in range(6):
        keyboard.press("Tab")
        if mixer.evaluate("element => element === document.activeElement"):
            break
    expect(mixer).to_be_focused()
    expect(dialog.locator(".spoken")).to_have_text("x 150, y 180")
    keyboard.press("Space")
    keyboard.press("ArrowRight")
    keyboard.press("Escape")  # drops the region, and the dialog stays
    expect(dialog.get_by_role("button", name="Take the mix")).to_be_disabled()
    keyboard.press("Space")
    for _ in range(40):
        keyboard.press("Shift+ArrowUp")
        keyboard.press("Shift+ArrowLeft")
    expect(dialog.locator(".spoken")).to_have_text("x 0, y 0, pressed")
    keyboard.press("Enter")
    mixed = dialog.get_by_role("button", name="Take the mix")
    expect(mixed).to_be_enabled()
    mixed.focus()
    keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    upper = theirs.copy()
    upper[180:] = False
    assert upper.any()
    assert (theirs & ~upper).any()
    np.testing.assert_array_equal(drafted(stale), mine | upper)
