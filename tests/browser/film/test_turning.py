"""The film turned in Chromium: what is seen is turned, and the mask keeps the film's own frame."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy import ndimage

from annotation.models import User
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import SHAPE, Editor, read_canvas, read_draft, read_film, read_screen

pytestmark = pytest.mark.browser

# Points of a hook that looks different in each of the eight orientations, (x, y) of the image.
HOOK = [(90.5, 80.5), (90.5, 250.5), (190.5, 250.5)]
ORIENTATIONS = [(turns, mirrored) for mirrored in (False, True) for turns in range(4)]


def orient(editor: Editor, turns: int, mirrored: bool) -> None:
    """Turn the upright film by the keys, and mirror it as it then is."""
    for _ in range(turns):
        editor.page.keyboard.press("Shift+R")
    if mirrored:
        editor.page.keyboard.press("Shift+F")


def restore(editor: Editor, turns: int, mirrored: bool) -> None:
    if mirrored:
        editor.page.keyboard.press("Shift+F")
    for _ in range(-turns % 4):
        editor.page.keyboard.press("Shift+R")


def stage_box(editor: Editor) -> dict[str, float]:
    return editor.page.locator("main").bounding_box()  # type: ignore[return-value]


def seen_at(editor: Editor, point: tuple[float, float], turns: int, mirrored: bool) -> tuple:
    """Return where a point of the fitted film must be in the page, reckoned without the editor."""
    box = stage_box(editor)
    sides = SHAPE if turns % 2 == 0 else SHAPE[::-1]
    zoom = 0.98 * min(box["height"] / sides[0], box["width"] / sides[1])
    x, y = (point[0] - SHAPE[1] / 2) * zoom, (point[1] - SHAPE[0] / 2) * zoom
    for _ in range(turns):
        x, y = -y, x
    if mirrored:
        x = -x
    return box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y


def test_stroke_when_the_film_is_turned_then_it_lands_on_the_pixels_under_it(
    editor_at_ratio: Editor, ratio: int
) -> None:
    editor = editor_at_ratio
    for _ in range(12):
        editor.page.keyboard.press("[")
    mouse = editor.page.mouse
    upright = None
    for turns, mirrored in ORIENTATIONS:
        orient(editor, turns, mirrored)
        points = [seen_at(editor, point, turns, mirrored) for point in HOOK]
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=5)
        mouse.up()
        mask = editor.mask()
        if upright is None:
            upright = mask
        assert mask[80, 90]
        assert mask[250, 90]
        assert mask[250, 190]
        assert mask[165, 90]
        # A pixel of the screen is no whole pixel of the film: edges may differ by one.
        assert not (mask & ~ndimage.binary_dilation(upright, iterations=2)).any()
        assert not (upright & ~ndimage.binary_dilation(mask, iterations=2)).any()
        np.testing.assert_array_equal(read_draft(editor), mask)
        editor.page.keyboard.press("Control+z")
        assert not editor.mask().any()
        restore(editor, turns, mirrored)


@pytest.mark.parametrize(
    "ratio", [1.25, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))]
)
def test_film_when_turned_then_every_pixel_is_the_drawn_one(
    open_reads: None, reading_room: ReadingRoom, reader: User, ratio: float
) -> None:
    viewport = {"width": 1001, "height": 621}
    editor = reading_room.open(
        reading_room.sign_in(reader, device_scale_factor=ratio, viewport=viewport)
    )
    editor.wait_open()
    for turns, mirrored in ORIENTATIONS:
        orient(editor, turns, mirrored)
        on_screen = read_screen(editor, stage_box(editor))
        wanted = np.rot90(read_canvas(editor, ".stage canvas"), -turns)
        wanted = np.fliplr(wanted) if mirrored else wanted
        # The words in the corners and the outline of the focus are not the film's.
        height, width = (int(side) for side in wanted.shape)
        inside = np.s_[height // 5 : 4 * height // 5, width // 5 : 4 * width // 5]
        np.testing.assert_array_equal(on_screen[inside], wanted[inside])
        restore(editor, turns, mirrored)


def test_turned_film_when_shown_then_said_and_upright_again_with_the_next_case(
    editor: Editor,
) -> None:
    words = editor.page.locator(".turned")
    expect(words).to_be_hidden()
    editor.button("Rotate the view").click()
    expect(words).to_have_text("rotated 90°")
    editor.page.keyboard.press("Shift+F")
    expect(words).to_have_text("rotated 90°, mirrored: left and right are exchanged")
    expect(editor.button("Flip the view")).to_have_attribute("aria-pressed", "true")
    editor.drag((90, 90), (150, 150))
    case = editor.state()["current"]["assignment"]
    editor.page.keyboard.press("Enter")
    editor.wait_submitted(case)
    editor.wait_open()
    expect(words).to_be_hidden()
    editor.drag((90, 90), (150, 150))
    assert editor.mask()[120, 120]


def test_pan_and_window_when_the_film_is_turned_then_they_follow_the_hand(editor: Editor) -> None:
    for turns, mirrored in ORIENTATIONS:
        orient(editor, turns, mirrored)
        before = editor.on_screen(150, 180)
        mouse = editor.page.mouse
        mouse.move(*before)
        mouse.down(button="middle")
        mouse.move(before[0] + 40, before[1] + 25, steps=4)
        mouse.up(button="middle")
        np.testing.assert_allclose(
            editor.on_screen(150, 180), (before[0] + 40, before[1] + 25), atol=0.01
        )
        window = editor.state()["window"]
        mouse.down(button="right")
        mouse.move(before[0] + 60, before[1] + 15, steps=4)
        mouse.up(button="right")
        after = editor.state()["window"]
        assert after["width"] > window["width"]
        assert after["center"] > window["center"]
        editor.page.keyboard.press("Shift+W")
        editor.page.keyboard.press("Home")
        restore(editor, turns, mirrored)


def test_turning_when_a_stroke_is_under_way_then_the_film_stays(editor: Editor) -> None:
    editor.drag((90, 90), (150, 150), release=False)
    editor.page.keyboard.press("Shift+R")
    editor.page.keyboard.press("z")
    editor.page.mouse.move(*editor.on_screen(150, 200), steps=3)
    editor.page.mouse.up()
    expect(editor.page.locator(".turned")).to_be_hidden()
    mask = editor.mask()
    assert mask[175, 150]
    assert not mask[:, 200:].any()


def test_actual_size_when_its_key_is_pressed_then_each_film_pixel_is_one_on_the_screen(
    editor_at_ratio: Editor, ratio: int
) -> None:
    editor = editor_at_ratio
    pixels = read_film(editor)
    pointer = editor.on_screen(100.5, 140.5)
    editor.page.mouse.move(*pointer)
    editor.page.keyboard.press("z")
    assert editor.ask("window.roundtruth.zoom()") == 1 / ratio
    expect(editor.page.get_by_text("zoom 100 %")).to_be_visible()
    box = editor.ask("document.querySelector('.stage canvas').getBoundingClientRect().toJSON()")
    x, y = editor.on_screen(100.5, 140.5)
    np.testing.assert_allclose((x, y), pointer, atol=0.01)
    column, row = int((x - box["x"]) * ratio), int((y - box["y"]) * ratio)  # type: ignore[index]
    window = editor.state()["window"]
    low = window["center"] - window["width"] / 2
    wanted = np.clip((pixels - low) / window["width"] * 255, 0, 255)
    around = read_canvas(editor, ".stage canvas")[row - 40 : row + 41, column - 40 : column + 41]
    np.testing.assert_allclose(around, wanted[100:181, 60:141], atol=0.6)
