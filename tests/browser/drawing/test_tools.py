"""The tools in Chromium: what each does to the pixels, and that the server has the same ones."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy import ndimage

from mlloop.pixels.raster import threshold_mask
from tests.browser.desk import SHAPE, Desk, drafted
from tests.browser.drawing.outlining import OUTLINE, at_each_zoom, enclosed
from tests.support.factories import lungs_p8

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


@at_each_zoom
def test_threshold_brush_when_dragged_then_only_what_is_as_bright_is_painted(
    desk: Desk, film: np.ndarray, zoom: float
) -> None:
    desk.zoom_to(zoom, (150, 180))
    stroke = ((140.5, 170.5), (160.5, 190.5))
    desk.page.keyboard.press("b")
    desk.drag(*stroke)
    brushed = desk.mask()
    desk.page.keyboard.press("Control+z")
    desk.button("Threshold brush").click()
    desk.drag(*stroke)
    painted = desk.mask()
    # One level for the whole stroke: everything painted is at least as bright as all that is not.
    assert painted.any()
    assert not painted[~brushed].any()
    left = brushed & ~painted
    assert left.any()
    assert film[left].max() < film[painted].min()
    np.testing.assert_array_equal(drafted(desk), painted)
    desk.page.keyboard.press("q")
    desk.drag(*stroke)
    assert not desk.mask().any()
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), painted)


def candidate_mask(desk: Desk, index: int) -> np.ndarray:
    """Pick a candidate, return the mask, and take the pick back."""
    desk.pick(index)
    mask = desk.mask()
    desk.page.keyboard.press("Control+z")
    return mask


@at_each_zoom
def test_copy_when_a_region_is_circled_then_it_is_the_candidates_there_and_mine_elsewhere(
    desk: Desk, zoom: float
) -> None:
    theirs = candidate_mask(desk, 1)
    desk.drag((20, 180), (280, 180))
    mine = desk.mask()
    desk.zoom_to(zoom, (150, 180))
    desk.button("Copy a region of candidate B").click()
    expect(desk.button("Copy from candidate")).to_have_attribute("aria-pressed", "true")
    second = desk.state()["current"]["candidates"][1]["id"]
    desk.wait(f"window.roundtruth.state().copyFrom === '{second}'")
    desk.drag(*OUTLINE)
    mask, slack = desk.mask(), max(1.0, 1.0 / zoom)
    inside, outside = enclosed(OUTLINE, margin=slack), ~enclosed(OUTLINE, margin=-slack)
    np.testing.assert_array_equal(mask[inside], theirs[inside])
    np.testing.assert_array_equal(mask[outside], mine[outside])
    assert (mask[inside] != mine[inside]).any()
    np.testing.assert_array_equal(drafted(desk), mask)
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), mine)


def test_copy_when_its_key_is_pressed_again_then_the_next_candidate_is_shown_and_used(
    desk: Desk,
) -> None:
    ids = [row["id"] for row in desk.state()["current"]["candidates"]]
    assert len(ids) == 3
    for index in (0, 1, 2, 0):
        desk.page.keyboard.press("c")
        desk.wait(f"window.roundtruth.state().peek === '{ids[index]}'")
        letter = desk.state()["current"]["candidates"][index]["letter"]
        expect(desk.page.get_by_text(f"copy from candidate {letter}")).to_be_visible()
    desk.page.get_by_role("button", name="Candidate B").first.hover()
    desk.wait(f"window.roundtruth.state().peek === '{ids[1]}'")
    desk.page.mouse.move(*desk.on_screen(150, 180))
    desk.wait(f"window.roundtruth.state().peek === '{ids[0]}'")
    desk.page.keyboard.press("b")
    desk.wait("window.roundtruth.state().peek === null")


def test_clip_when_the_mask_runs_out_of_the_lungs_then_only_what_is_inside_stays(
    desk: Desk,
) -> None:
    desk.drag((20, 180), (280, 180))
    drawn = desk.mask()
    desk.button("Clip to lung").click()
    desk.wait("window.roundtruth.state().stroke === 2")
    lung = threshold_mask(lungs_p8(), shape=SHAPE, t8=128)
    np.testing.assert_array_equal(desk.mask(), drawn & lung)
    assert (drawn & ~lung).any()
    assert (drawn & lung).any()
    np.testing.assert_array_equal(drafted(desk), drawn & lung)
    desk.page.keyboard.press("Shift+L")
    alert = desk.page.get_by_role("alert")
    expect(alert).to_contain_text("The whole mask lies inside the lungs already.")
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), drawn)
