"""Another day's film beside the case in Chromium: both painted, linked, and the hand stays true."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from annotation import storage
from annotation.models import Image
from mlloop.pixels.images import decode_image
from tests.browser.compare.comparing import choice, compare
from tests.browser.desk import Desk, drafted, drawn, shown

pytestmark = pytest.mark.browser


def beside(desk: Desk) -> dict:
    return desk.ask("window.roundtruth.beside()")


def center_grey(desk: Desk, selector: str, view: dict) -> tuple[int, tuple[int, int]]:
    """Return what a canvas shows for the film's pixel in its middle, and which (row, column)."""
    column, row = (
        int((view["screen"][side] / 2 - view[axis]) / view["zoom"])
        for side, axis in (("width", "x"), ("height", "y"))
    )
    x, y = (int(view[axis] + (at + 0.5) * view["zoom"]) for axis, at in (("x", column), ("y", row)))
    drawing = f"document.querySelector('{selector}').getContext('2d')"
    return desk.ask(f"{drawing}.getImageData({x}, {y}, 1, 1).data[0]"), (row, column)


def expect_painted(desk: Desk, selector: str, image: Image, view: dict, window: dict) -> None:
    """Assert that the middle of the canvas has the very pixel of the film, in its window."""
    grey, at = center_grey(desk, selector, view)
    value = int(decode_image(storage.read(image.pixels_key)).pixels[at])
    low = window["center"] - window["width"] / 2
    wanted = np.clip((value - low) * 255 / window["width"], 0, 255)
    wanted = 255 - wanted if desk.state()["isInverted"] else wanted
    assert abs(grey - wanted) <= 1, (selector, at)


def expect_both_painted(desk: Desk, own: Image, other: Image) -> None:
    desk.frames()
    state = desk.state()
    expect_painted(desk, ".stage canvas", own, state["view"], state["window"])
    expect_painted(desk, ".compare canvas", other, beside(desk)["view"], beside(desk)["window"])


def middle(desk: Desk, selector: str) -> tuple[float, float]:
    box = desk.page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_comparison_when_opened_then_both_films_are_painted_and_follow_each_other(
    blind_desk: Desk, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind_desk)
    expect(choice(blind_desk)).to_have_value("day 3 (4 days earlier), PA")
    expect(blind_desk.page.locator(".compare .hud")).to_contain_text(
        "film 2 of 3 · each film fits its pane, not to scale"
    )
    fitted = beside(blind_desk)["view"]["zoom"] / blind_desk.ask("window.roundtruth.zoom()")
    blind_desk.zoom_to(20, (150, 180))
    assert beside(blind_desk)["view"]["zoom"] == pytest.approx(
        fitted * blind_desk.ask("window.roundtruth.zoom()")
    )
    expect_both_painted(blind_desk, own, other)
    blind_desk.drag((150, 180), (155, 186), button="right")
    state = blind_desk.state()
    assert state["window"]["width"] != 60000.0
    assert beside(blind_desk)["window"]["width"] / 255 == pytest.approx(
        state["window"]["width"] / 60000
    )
    expect_both_painted(blind_desk, own, other)
    blind_desk.page.keyboard.press("i")
    expect_both_painted(blind_desk, own, other)


def test_comparison_when_the_other_film_is_moved_then_the_case_moves_along(
    blind_desk: Desk, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind_desk)
    blind_desk.zoom_to(20, (150, 180))
    mouse, before = blind_desk.page.mouse, blind_desk.state()["view"]
    x, y = middle(blind_desk, ".compare")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y - 30, steps=4)
    mouse.up()
    moved = blind_desk.state()["view"]
    assert moved["x"] - before["x"] == pytest.approx(40)
    assert moved["y"] - before["y"] == pytest.approx(-30)
    assert not blind_desk.mask().any()
    expect_both_painted(blind_desk, own, other)
    mouse.wheel(0, -100)
    blind_desk.wait(f"window.roundtruth.zoom() > {moved['zoom']}")
    expect_both_painted(blind_desk, own, other)
    mouse.down(button="right")
    mouse.move(x + 90, y - 60, steps=4)
    mouse.up(button="right")
    assert blind_desk.state()["window"]["width"] > 60000.0
    expect_both_painted(blind_desk, own, other)


def test_comparison_when_the_case_is_turned_then_the_other_film_turns_along_and_follows_the_hand(
    blind_desk: Desk, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind_desk)
    blind_desk.page.keyboard.press("Shift+R")
    blind_desk.page.keyboard.press("Shift+F")
    expect(blind_desk.page.locator(".compare .hud")).to_contain_text("rotated 90°, mirrored")
    blind_desk.zoom_to(20, (150, 180))
    expect_both_painted(blind_desk, own, other)
    pane = blind_desk.page.locator(".compare").bounding_box()
    assert pane is not None
    height, width = shown(blind_desk, pane).shape
    inside = np.s_[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    turned = np.fliplr(np.rot90(drawn(blind_desk, ".compare canvas"), -1))
    np.testing.assert_array_equal(shown(blind_desk, pane)[inside], turned[inside])
    mouse, before = blind_desk.page.mouse, blind_desk.on_screen(150, 180)
    x, y = middle(blind_desk, ".compare")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y - 30, steps=4)
    mouse.up()
    np.testing.assert_allclose(
        blind_desk.on_screen(150, 180), (before[0] + 40, before[1] - 30), atol=0.01
    )
    expect_both_painted(blind_desk, own, other)
    mouse.down(button="right")
    mouse.move(x + 90, y - 60, steps=4)
    mouse.up(button="right")
    assert blind_desk.state()["window"]["width"] > 60000.0
    assert blind_desk.state()["window"]["center"] > 32000.0


def test_drawing_when_comparing_then_it_lands_on_the_right_pixels(blind_desk: Desk) -> None:
    stroke = ((100, 120), (180, 200))
    blind_desk.drag(*stroke)
    alone = blind_desk.mask()
    blind_desk.page.keyboard.press("Control+z")
    whole = blind_desk.page.locator(".stage").bounding_box()["width"]
    compare(blind_desk)
    assert blind_desk.page.locator(".stage").bounding_box()["width"] < 0.51 * whole
    blind_desk.drag(*stroke)
    np.testing.assert_array_equal(blind_desk.mask(), alone)
    blind_desk.zoom_to(4, (140, 160))
    blind_desk.drag((140, 160), (150, 165))
    drawn = blind_desk.mask()
    assert drawn[160, 140]
    np.testing.assert_array_equal(drafted(blind_desk), drawn)
    # Esc only cancels the stroke under way; with none, it puts the other film away.
    keyboard = blind_desk.page.keyboard
    blind_desk.drag((120, 200), (150, 200), release=False)
    keyboard.press("y")
    keyboard.press("Escape")
    blind_desk.page.mouse.up()
    np.testing.assert_array_equal(blind_desk.mask(), drawn)
    expect(blind_desk.page.get_by_role("region", name="Other days")).to_be_visible()
    keyboard.press("Escape")
    expect(blind_desk.page.get_by_role("region", name="Other days")).to_be_hidden()
    assert blind_desk.page.locator(".stage").bounding_box()["width"] == whole
    compare(blind_desk)
    blind_desk.button("Close the other film").click()
    expect(blind_desk.page.get_by_role("region", name="Other days")).to_be_hidden()


def test_comparison_when_the_window_is_tall_then_the_films_are_stacked(blind_desk: Desk) -> None:
    compare(blind_desk)
    for width, height, is_tall in ((1280, 720, False), (1200, 1600, True)):
        blind_desk.page.set_viewport_size({"width": width, "height": height})
        blind_desk.wait(f"innerWidth === {width} && innerHeight === {height}")
        case, other = (
            blind_desk.page.locator(part).bounding_box() for part in (".stage", ".compare")
        )
        assert (other["y"] > case["y"]) == is_tall
        assert (other["x"] > case["x"]) != is_tall
        assert other["width"] == pytest.approx(case["width"], abs=2)
        assert other["height"] == pytest.approx(case["height"], abs=2)
