"""Drawing in Chromium: the server's mask is the screen's, and the film is shown."""

from __future__ import annotations

import numpy as np
import pytest

from tests.browser.desk import Desk, drafted

pytestmark = pytest.mark.browser


def film_pixels(desk: Desk) -> list[int]:
    """Return the film canvas at a few places, as drawn."""
    desk.frames()
    return desk.ask(
        "(() => { const c = document.querySelector('.stage canvas');"
        " return [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 16, 1).data] })()"
    )


def test_paint_when_released_then_the_server_has_the_pixels_of_the_screen(desk: Desk) -> None:
    desk.drag((80, 90), (140, 130), (150, 220))
    drawn = desk.mask()
    assert drawn.sum() > 2000
    assert drawn[90, 80]
    assert drawn[130, 140]
    assert not drawn[300, 250]
    np.testing.assert_array_equal(drafted(desk), drawn)


def test_erase_undo_and_redo_when_used_then_every_step_comes_back(desk: Desk) -> None:
    desk.drag((80, 90), (200, 90))
    first = desk.mask()
    desk.button("Eraser").click()
    desk.drag((140, 40), (140, 150))
    second = desk.mask()
    assert second.sum() < first.sum()
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), first)
    desk.button("Undo").click()
    assert not desk.mask().any()
    desk.button("Redo").click()
    desk.page.keyboard.press("Control+Shift+z")
    np.testing.assert_array_equal(desk.mask(), second)
    np.testing.assert_array_equal(drafted(desk), second)


def test_window_when_dragged_then_the_film_changes_and_the_mask_does_not(desk: Desk) -> None:
    before, state = film_pixels(desk), desk.state()
    desk.page.keyboard.press("w")
    desk.drag((100, 100), (180, 160))
    assert desk.state()["window"] != state["window"]
    assert film_pixels(desk) != before
    windowed = film_pixels(desk)
    desk.button("Invert").click()
    assert film_pixels(desk)[0] == pytest.approx(255 - windowed[0], abs=1)
    desk.page.keyboard.press("b")
    desk.drag((100, 100), (180, 160), button="right")
    assert not desk.mask().any()


def test_window_when_the_film_has_16_bits_then_a_narrow_one_shows_many_greys(desk: Desk) -> None:
    # 8 bits of pixels would leave at most a few greys in a window of 300 of 65536 values.
    desk.page.keyboard.press("w")
    for _ in range(60):
        desk.drag((280, 100), (20, 100))
        if desk.state()["window"]["width"] < 3000:
            break
    desk.frames()
    greys = desk.ask(
        "(() => { const c = document.querySelector('.stage canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return new Set(d.filter((_, i) => i % 4 === 0)).size })()"
    )
    assert greys > 100
