"""Another day's film beside the case in Chromium: both painted, linked, and the hand stays true."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from annotation import storage
from annotation.models import Image
from mlloop.pixels.images import decode_image
from tests.browser.compare.comparing import choice, compare
from tests.browser.editor import Editor, read_canvas, read_draft, read_screen

pytestmark = pytest.mark.browser


def beside(editor: Editor) -> dict:
    return editor.ask("window.roundtruth.beside()")


def center_grey(editor: Editor, selector: str, view: dict) -> tuple[int, tuple[int, int]]:
    """Return what a canvas shows for the film's pixel in its middle, and which (row, column)."""
    column, row = (
        int((view["screen"][side] / 2 - view[axis]) / view["zoom"])
        for side, axis in (("width", "x"), ("height", "y"))
    )
    x, y = (int(view[axis] + (at + 0.5) * view["zoom"]) for axis, at in (("x", column), ("y", row)))
    drawing = f"document.querySelector('{selector}').getContext('2d')"
    return editor.ask(f"{drawing}.getImageData({x}, {y}, 1, 1).data[0]"), (row, column)


def expect_painted(editor: Editor, selector: str, image: Image, view: dict, window: dict) -> None:
    """Assert that the middle of the canvas has the very pixel of the film, in its window."""
    grey, at = center_grey(editor, selector, view)
    value = int(decode_image(storage.read(image.pixels_key)).pixels[at])
    low = window["center"] - window["width"] / 2
    wanted = np.clip((value - low) * 255 / window["width"], 0, 255)
    wanted = 255 - wanted if editor.state()["isInverted"] else wanted
    assert abs(grey - wanted) <= 1, (selector, at)


def expect_both_painted(editor: Editor, own: Image, other: Image) -> None:
    editor.wait_frames()
    state = editor.state()
    expect_painted(editor, ".stage canvas", own, state["view"], state["window"])
    expect_painted(
        editor, ".compare canvas", other, beside(editor)["view"], beside(editor)["window"]
    )


def middle(editor: Editor, selector: str) -> tuple[float, float]:
    box = editor.page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_comparison_when_opened_then_both_films_are_painted_and_follow_each_other(
    blind_editor: Editor, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind_editor)
    expect(choice(blind_editor)).to_have_value("day 3 (4 days earlier), PA")
    expect(blind_editor.page.locator(".compare .hud")).to_contain_text(
        "film 2 of 3 · each film fits its pane, not to scale"
    )
    fitted = beside(blind_editor)["view"]["zoom"] / blind_editor.ask("window.roundtruth.zoom()")
    blind_editor.zoom_to(20, (150, 180))
    assert beside(blind_editor)["view"]["zoom"] == pytest.approx(
        fitted * blind_editor.ask("window.roundtruth.zoom()")
    )
    expect_both_painted(blind_editor, own, other)
    blind_editor.drag((150, 180), (155, 186), button="right")
    state = blind_editor.state()
    assert state["window"]["width"] != 60000.0
    assert beside(blind_editor)["window"]["width"] / 255 == pytest.approx(
        state["window"]["width"] / 60000
    )
    expect_both_painted(blind_editor, own, other)
    blind_editor.page.keyboard.press("i")
    expect_both_painted(blind_editor, own, other)


def test_comparison_when_the_other_film_is_moved_then_the_case_moves_along(
    blind_editor: Editor, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind_editor)
    blind_editor.zoom_to(20, (150, 180))
    mouse, before = blind_editor.page.mouse, blind_editor.state()["view"]
    x, y = middle(blind_editor, ".compare")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y - 30, steps=4)
    mouse.up()
    moved = blind_editor.state()["view"]
    assert moved["x"] - before["x"] == pytest.approx(40)
    assert moved["y"] - before["y"] == pytest.approx(-30)
    assert not blind_editor.mask().any()
    expect_both_painted(blind_editor, own, other)
    mouse.wheel(0, -100)
    blind_editor.wait(f"window.roundtruth.zoom() > {moved['zoom']}")
    expect_both_painted(blind_editor, own, other)
    mouse.down(button="right")
    mouse.move(x + 90, y - 60, steps=4)
    mouse.up(button="right")
    assert blind_editor.state()["window"]["width"] > 60000.0
    expect_both_painted(blind_editor, own, other)


def test_comparison_when_the_case_is_turned_then_the_other_film_turns_along_and_follows_the_hand(
    blind_editor: Editor, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind_editor)
    blind_editor.page.keyboard.press("Shift+R")
    blind_editor.page.keyboard.press("Shift+F")
    expect(blind_editor.page.locator(".compare .hud")).to_contain_text("rotated 90°, mirrored")
    blind_editor.zoom_to(20, (150, 180))
    expect_both_painted(blind_editor, own, other)
    pane = blind_editor.page.locator(".compare").bounding_box()
    assert pane is not None
    height, width = read_screen(blind_editor, pane).shape
    inside = np.s_[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    turned = np.fliplr(np.rot90(read_canvas(blind_editor, ".compare canvas"), -1))
    np.testing.assert_array_equal(read_screen(blind_editor, pane)[inside], turned[inside])
    mouse, before = blind_editor.page.mouse, blind_editor.on_screen(150, 180)
    x, y = middle(blind_editor, ".compare")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y - 30, steps=4)
    mouse.up()
    np.testing.assert_allclose(
        blind_editor.on_screen(150, 180), (before[0] + 40, before[1] - 30), atol=0.01
    )
    expect_both_painted(blind_editor, own, other)
    mouse.down(button="right")
    mouse.move(x + 90, y - 60, steps=4)
    mouse.up(button="right")
    assert blind_editor.state()["window"]["width"] > 60000.0
    assert blind_editor.state()["window"]["center"] > 32000.0


def test_drawing_when_comparing_then_it_lands_on_the_right_pixels(blind_editor: Editor) -> None:
    stroke = ((100, 120), (180, 200))
    blind_editor.drag(*stroke)
    alone = blind_editor.mask()
    blind_editor.page.keyboard.press("Control+z")
    whole = blind_editor.page.locator(".stage").bounding_box()["width"]
    compare(blind_editor)
    assert blind_editor.page.locator(".stage").bounding_box()["width"] < 0.51 * whole
    blind_editor.drag(*stroke)
    np.testing.assert_array_equal(blind_editor.mask(), alone)
    blind_editor.zoom_to(4, (140, 160))
    blind_editor.drag((140, 160), (150, 165))
    drawn = blind_editor.mask()
    assert drawn[160, 140]
    np.testing.assert_array_equal(read_draft(blind_editor), drawn)
    # Esc only cancels the stroke under way; with none, it puts the other film away.
    keyboard = blind_editor.page.keyboard
    blind_editor.drag((120, 200), (150, 200), release=False)
    keyboard.press("y")
    keyboard.press("Escape")
    blind_editor.page.mouse.up()
    np.testing.assert_array_equal(blind_editor.mask(), drawn)
    expect(blind_editor.page.get_by_role("region", name="Other days")).to_be_visible()
    keyboard.press("Escape")
    expect(blind_editor.page.get_by_role("region", name="Other days")).to_be_hidden()
    assert blind_editor.page.locator(".stage").bounding_box()["width"] == whole
    compare(blind_editor)
    blind_editor.button("Close the other film").click()
    expect(blind_editor.page.get_by_role("region", name="Other days")).to_be_hidden()


def test_comparison_when_the_window_is_tall_then_the_films_are_stacked(
    blind_editor: Editor,
) -> None:
    compare(blind_editor)
    for width, height, is_tall in ((1280, 720, False), (1200, 1600, True)):
        blind_editor.page.set_viewport_size({"width": width, "height": height})
        blind_editor.wait(f"innerWidth === {width} && innerHeight === {height}")
        case, other = (
            blind_editor.page.locator(part).bounding_box() for part in (".stage", ".compare")
        )
        assert (other["y"] > case["y"]) == is_tall
        assert (other["x"] > case["x"]) != is_tall
        assert other["width"] == pytest.approx(case["width"], abs=2)
        assert other["height"] == pytest.approx(case["height"], abs=2)
