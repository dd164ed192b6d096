"""Drawing in Chromium: the server's mask is the screen's, and the film is shown."""

from __future__ import annotations

import numpy as np
import pytest

from tests.browser.editor import Editor, read_draft

pytestmark = pytest.mark.browser


def film_pixels(editor: Editor) -> list[int]:
    """Return the film canvas at a few places, as drawn."""
    editor.wait_frames()
    return editor.ask(
        "(() => { const c = document.querySelector('.stage canvas');"
        " return [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 16, 1).data] })()"
    )


def test_paint_when_released_then_the_server_has_the_pixels_of_the_screen(editor: Editor) -> None:
    editor.drag((80, 90), (140, 130), (150, 220))
    drawn = editor.mask()
    assert drawn.sum() > 2000
    assert drawn[90, 80]
    assert drawn[130, 140]
    assert not drawn[300, 250]
    np.testing.assert_array_equal(read_draft(editor), drawn)


def test_erase_undo_and_redo_when_used_then_every_step_comes_back(editor: Editor) -> None:
    editor.drag((80, 90), (200, 90))
    first = editor.mask()
    editor.button("Eraser").click()
    editor.drag((140, 40), (140, 150))
    second = editor.mask()
    assert second.sum() < first.sum()
    editor.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), first)
    editor.button("Undo").click()
    assert not editor.mask().any()
    editor.button("Redo").click()
    editor.page.keyboard.press("Control+Shift+z")
    np.testing.assert_array_equal(editor.mask(), second)
    np.testing.assert_array_equal(read_draft(editor), second)


def test_window_when_dragged_then_the_film_changes_and_the_mask_does_not(editor: Editor) -> None:
    before, state = film_pixels(editor), editor.state()
    editor.page.keyboard.press("w")
    editor.drag((100, 100), (180, 160))
    assert editor.state()["window"] != state["window"]
    assert film_pixels(editor) != before
    windowed = film_pixels(editor)
    editor.button("Invert").click()
    assert film_pixels(editor)[0] == pytest.approx(255 - windowed[0], abs=1)
    editor.page.keyboard.press("b")
    editor.drag((100, 100), (180, 160), button="right")
    assert not editor.mask().any()


def test_window_when_the_film_has_16_bits_then_a_narrow_one_shows_many_greys(
    editor: Editor,
) -> None:
    # 8 bits of pixels would leave at most a few greys in a window of 300 of 65536 values.
    editor.page.keyboard.press("w")
    for _ in range(60):
        editor.drag((280, 100), (20, 100))
        if editor.state()["window"]["width"] < 3000:
            break
    editor.wait_frames()
    greys = editor.ask(
        "(() => { const c = document.querySelector('.stage canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return new Set(d.filter((_, i) => i % 4 === 0)).size })()"
    )
    assert greys > 100
