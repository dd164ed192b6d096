"""The tools in Chromium: what each does to the pixels, and that the server has the same ones."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy import ndimage

from tests.browser.conftest import Desk, drafted

pytestmark = pytest.mark.browser


def draw_ring(desk: Desk) -> np.ndarray:
    """Draw a closed ring and, far from it, a dot of the least size; return the mask."""
    desk.drag((80, 90), (180, 90), (180, 200), (80, 200), (80, 90))
    for _ in range(20):
        desk.page.keyboard.press("[")
    desk.drag((270, 330), (270, 330))
    mask = desk.mask()
    assert ndimage.label(mask)[1] == 2
    assert not mask[145, 130]
    return mask


def test_clean_up_when_clicked_then_the_mask_is_cleaned_and_each_step_is_undone(
    desk: Desk,
) -> None:
    drawn = draw_ring(desk)
    desk.button("Fill holes").click()
    filled = desk.mask()
    np.testing.assert_array_equal(filled, ndimage.binary_fill_holes(drawn))
    desk.button("Remove islands").click()
    kept = desk.mask()
    assert kept[145, 130]
    assert not kept[330, 270]
    # A radius of one pixel draws a cross, whose corners a majority of neighbours rounds off.
    desk.drag((40, 250), (40, 251))
    for name, key in (("Smooth", "s"), ("Grow", "+"), ("Shrink", "-")):
        before = desk.mask()
        desk.button(name).click()
        clicked = desk.mask()
        assert (clicked != before).any()
        desk.page.keyboard.press("Control+z")
        np.testing.assert_array_equal(desk.mask(), before)
        desk.page.keyboard.press(key)
        np.testing.assert_array_equal(desk.mask(), clicked)
    np.testing.assert_array_equal(drafted(desk), desk.mask())


def test_clean_up_when_nothing_changes_then_it_is_said_and_nothing_is_to_undo(desk: Desk) -> None:
    desk.page.keyboard.press("h")
    expect(desk.page.get_by_role("alert")).to_contain_text("The mask has no hole to fill.")
    expect(desk.button("Undo")).to_be_disabled()
    desk.drag((80, 90), (140, 130))
    expect(desk.page.get_by_role("alert")).to_be_hidden()
