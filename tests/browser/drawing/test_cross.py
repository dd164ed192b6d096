"""The keyboard's cross in Chromium: every tool that needs points works without a pointer."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import ReadingRoom
from tests.browser.drawing.cross import move_cross, press_keys
from tests.browser.editor import Editor, read_annotation, read_draft

pytestmark = pytest.mark.browser

MIDDLE = {"x": 150, "y": 180}


def cross(editor: Editor) -> dict:
    """Return where the cross is, in pixels of the film."""
    return editor.state()["cross"]["at"]


def spoken(editor: Editor) -> Locator:
    return editor.page.locator(".stage .spoken")


def test_polygon_when_set_by_keys_then_it_is_closed_by_enter_and_accepted_by_the_next(
    editor: Editor,
) -> None:
    case = editor.state()["current"]["assignment"]
    press_keys(editor, "p", ".")
    expect(editor.page.get_by_label("Mask editor")).to_be_focused()
    expect(spoken(editor)).to_have_attribute("aria-live", "polite")
    assert cross(editor) == MIDDLE
    press_keys(editor, "Space")
    move_cross(editor, 52, 0)
    press_keys(editor, "Space")
    move_cross(editor, 3, -7)
    press_keys(editor, "Space", "Control+z")  # takes the last corner back
    move_cross(editor, -3, 67)
    press_keys(editor, "Space")
    expect(spoken(editor)).to_have_text("x 202, y 240, 3 corners")
    assert editor.state()["stroke"] == 0
    press_keys(editor, "Enter")
    mask = editor.mask()
    assert abs(int(mask.sum()) - 52 * 60 // 2) < 60
    assert mask[200, 195]
    assert not mask[235, 160]
    assert editor.state()["current"]["assignment"] == case
    press_keys(editor, "Enter")
    editor.wait_submitted(case)
    np.testing.assert_array_equal(read_annotation(case)[1], mask)
    editor.wait_open()
    assert cross(editor) == MIDDLE  # out still, on the next film


def test_polygon_when_the_first_corner_is_pressed_again_then_it_closes(editor: Editor) -> None:
    press_keys(editor, "p", ".", "Space")
    for right, down in ((40, 0), (0, 40), (-40, 0)):
        move_cross(editor, right, down)
        press_keys(editor, "Space")
    assert editor.state()["corners"] == 4
    move_cross(editor, 1, -39)
    press_keys(editor, "Space")
    assert editor.state()["corners"] == 0
    assert editor.mask()[200, 170]


def test_ruler_when_drawn_by_keys_then_its_length_is_shown_and_spoken(editor: Editor) -> None:
    ruler = editor.page.get_by_label("Ruler", exact=True).and_(editor.page.locator("output"))
    press_keys(editor, "j", ".", "Space")
    move_cross(editor, 63, 0)
    press_keys(editor, "Space")
    move_cross(editor, 0, 30)
    expect(ruler).to_have_text("63 px, spacing unknown")
    expect(spoken(editor)).to_have_text("x 213, y 210, 63 px, spacing unknown")
    press_keys(editor, "Space")
    move_cross(editor, 0, 5)
    press_keys(editor, "Escape")  # drops the one under way
    expect(ruler).to_have_text("63 px, spacing unknown")
    assert not editor.mask().any()


def test_region_when_dragged_by_keys_then_it_sets_the_window_and_the_tool_stays(
    editor: Editor,
) -> None:
    before = editor.state()["window"]
    press_keys(editor, "w", ".", "u", "Space")
    move_cross(editor, 30, 40)
    assert editor.state()["window"] == before
    press_keys(editor, "Space")
    now = editor.state()
    assert now["window"] != before
    assert not now["isRegionNext"]
    assert now["tool"] == "window"


@pytest.mark.parametrize(
    ("tool", "inside"), [("b", (180, 190)), ("f", (190, 180)), ("e", None), ("c", (185, 160))]
)
def test_drawing_tool_when_worked_by_keys_then_it_does_what_a_mouse_does(
    editor: Editor, tool: str, inside: tuple[int, int] | None
) -> None:
    if tool == "e":
        press_keys(editor, "2")
        editor.wait("window.roundtruth.mask.count() > 0")
    before = editor.mask()
    corners = [(150, 180), (200, 180), (200, 230), (150, 230)]
    press_keys(editor, tool)
    editor.drag(*corners)
    by_mouse = editor.mask()
    assert (by_mouse != before).any()
    press_keys(editor, "Control+z")
    np.testing.assert_array_equal(editor.mask(), before)
    editor.page.mouse.move(5, 5)
    press_keys(editor, ".")
    at = cross(editor)
    move_cross(editor, 150 - at["x"], 180 - at["y"])
    press_keys(editor, "Space")
    for right, down in ((50, 0), (0, 50), (-50, 0)):
        move_cross(editor, right, down)
    press_keys(editor, "Space")
    by_keys = editor.mask()
    assert int((by_keys != by_mouse).sum()) < 250  # the mouse is on whole pixels of the screen
    if inside:
        assert by_keys[inside]
    np.testing.assert_array_equal(read_draft(editor), by_keys)
    press_keys(editor, "Control+z")
    np.testing.assert_array_equal(editor.mask(), before)


def test_arrows_when_the_film_is_turned_then_cross_and_film_go_the_way_of_the_eye(
    editor: Editor,
) -> None:
    press_keys(editor, "Shift+R", "Shift+F", "b", ".")
    x, y = editor.on_screen(**cross(editor))
    move_cross(editor, 20, 0)
    right, same = editor.on_screen(**cross(editor))
    assert right > x + 10
    assert same == pytest.approx(y, abs=1)
    press_keys(editor, ".")
    x, y = editor.on_screen(150, 180)
    press_keys(editor, "ArrowRight")
    assert editor.on_screen(150, 180) == pytest.approx((x - 60, y), abs=1)


def test_cross_when_the_film_is_near_then_it_stays_in_sight_and_the_zoom_is_about_it(
    editor: Editor,
) -> None:
    press_keys(editor, "b", ".")
    move_cross(editor, 40, 0)
    before = editor.on_screen(**cross(editor))
    for _ in range(8):
        press_keys(editor, "PageUp")
    assert editor.on_screen(**cross(editor)) == pytest.approx(before, abs=1)
    move_cross(editor, 200, -100)
    assert cross(editor) == {"x": 300, "y": 80}  # the film's edge
    box = editor.page.get_by_label("Mask editor").bounding_box()
    assert box
    x, y = editor.on_screen(**cross(editor))
    assert box["x"] < x < box["x"] + box["width"]
    assert box["y"] < y < box["y"] + box["height"]


def test_hand_and_window_when_the_cross_is_out_then_arrows_work_them_and_space_is_the_naked_film(
    editor: Editor,
) -> None:
    press_keys(editor, ".", "v")
    x, y = editor.on_screen(150, 180)
    press_keys(editor, "ArrowLeft")
    assert editor.on_screen(150, 180) == pytest.approx((x + 60, y), abs=1)
    press_keys(editor, "w")
    before, view = editor.state()["window"], editor.state()["view"]
    press_keys(editor, "ArrowRight", "Shift+ArrowUp")
    now = editor.state()["window"]
    assert now["width"] > before["width"]
    assert now["center"] > before["center"]
    assert editor.state()["view"] == view
    editor.page.keyboard.down(" ")
    assert editor.state()["isNaked"]
    editor.page.keyboard.up(" ")
    assert not editor.state()["isNaked"]
    assert not editor.mask().any()


def test_keys_when_they_hold_a_stroke_then_a_verdict_and_the_mouse_end_it_and_keep_it(
    editor: Editor,
) -> None:
    case = editor.state()["current"]["assignment"]
    press_keys(editor, "b", ".", "Space")
    move_cross(editor, 30, 0)
    press_keys(editor, "Enter")
    assert editor.state()["stroke"] == 1
    assert not editor.state()["cross"]["isDown"]
    press_keys(editor, "Space")
    move_cross(editor, 0, 30)
    press_keys(editor, "e")  # another tool
    assert editor.state()["stroke"] == 2
    press_keys(editor, "b", "Space")
    move_cross(editor, 30, 0)
    editor.drag((40, 40), (80, 40))
    assert editor.state()["stroke"] == 4
    assert editor.state()["cross"] is None
    mask = editor.mask()
    assert mask[180, 170]
    assert mask[205, 180]
    assert mask[210, 205]
    assert mask[40, 60]
    assert editor.state()["current"]["assignment"] == case


def test_two_masks_when_mixed_by_keys_then_the_region_is_theirs(
    editor: Editor, reading_room: ReadingRoom
) -> None:
    stale = reading_room.open(editor.page.context)
    stale.wait_open()
    editor.drag((40, 60), (100, 60))
    editor.drag((40, 300), (100, 300))
    theirs = read_draft(editor)
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
    np.testing.assert_array_equal(read_draft(stale), mine | upper)
