"""The tools in Chromium: what each does to the pixels, and that the server has the same ones."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy import ndimage

from mlloop.pixels.raster import threshold_mask
from tests.browser.drawing.outlining import OUTLINE, at_each_zoom, enclosed
from tests.browser.editor import SHAPE, Editor, read_draft
from tests.support.factories import lungs_p8

pytestmark = pytest.mark.browser


def draw_ring(editor: Editor) -> np.ndarray:
    """Draw a closed ring and, far from it, a dot of the least size; return the mask."""
    editor.drag((80, 90), (180, 90), (180, 200), (80, 200), (80, 90))
    for _ in range(20):
        editor.page.keyboard.press("[")
    editor.drag((270, 330), (270, 330))
    mask = editor.mask()
    assert ndimage.label(mask)[1] == 2
    assert not mask[145, 130]
    return mask


def test_clean_up_when_clicked_then_the_mask_is_cleaned_and_each_step_is_undone(
    editor: Editor,
) -> None:
    drawn = draw_ring(editor)
    editor.button("Fill holes").click()
    filled = editor.mask()
    np.testing.assert_array_equal(filled, ndimage.binary_fill_holes(drawn))
    editor.button("Remove islands").click()
    kept = editor.mask()
    assert kept[145, 130]
    assert not kept[330, 270]
    # A radius of one pixel draws a cross, whose corners a majority of neighbours rounds off.
    editor.drag((40, 250), (40, 251))
    for name, key in (("Smooth", "s"), ("Grow", "+"), ("Shrink", "-")):
        before = editor.mask()
        editor.button(name).click()
        clicked = editor.mask()
        assert (clicked != before).any()
        editor.page.keyboard.press("Control+z")
        np.testing.assert_array_equal(editor.mask(), before)
        editor.page.keyboard.press(key)
        np.testing.assert_array_equal(editor.mask(), clicked)
    np.testing.assert_array_equal(read_draft(editor), editor.mask())


def test_clean_up_when_nothing_changes_then_it_is_said_and_nothing_is_to_undo(
    editor: Editor,
) -> None:
    editor.page.keyboard.press("h")
    expect(editor.page.get_by_role("alert")).to_contain_text("The mask has no hole to fill.")
    expect(editor.button("Undo")).to_be_disabled()
    editor.drag((80, 90), (140, 130))
    expect(editor.page.get_by_role("alert")).to_be_hidden()


@at_each_zoom
def test_threshold_brush_when_dragged_then_only_what_is_as_bright_is_painted(
    editor: Editor, film: np.ndarray, zoom: float
) -> None:
    editor.zoom_to(zoom, (150, 180))
    stroke = ((140.5, 170.5), (160.5, 190.5))
    editor.page.keyboard.press("b")
    editor.drag(*stroke)
    brushed = editor.mask()
    editor.page.keyboard.press("Control+z")
    editor.button("Threshold brush").click()
    editor.drag(*stroke)
    painted = editor.mask()
    # One level for the whole stroke: everything painted is at least as bright as all that is not.
    assert painted.any()
    assert not painted[~brushed].any()
    left = brushed & ~painted
    assert left.any()
    assert film[left].max() < film[painted].min()
    np.testing.assert_array_equal(read_draft(editor), painted)
    editor.page.keyboard.press("q")
    editor.drag(*stroke)
    assert not editor.mask().any()
    editor.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), painted)


def candidate_mask(editor: Editor, index: int) -> np.ndarray:
    """Pick a candidate, return the mask, and take the pick back."""
    editor.pick(index)
    mask = editor.mask()
    editor.page.keyboard.press("Control+z")
    return mask


@at_each_zoom
def test_copy_when_a_region_is_circled_then_it_is_the_candidates_there_and_mine_elsewhere(
    editor: Editor, zoom: float
) -> None:
    theirs = candidate_mask(editor, 1)
    editor.drag((20, 180), (280, 180))
    mine = editor.mask()
    editor.zoom_to(zoom, (150, 180))
    editor.button("Copy a region of candidate B").click()
    expect(editor.button("Copy from candidate")).to_have_attribute("aria-pressed", "true")
    second = editor.state()["current"]["candidates"][1]["id"]
    editor.wait(f"window.roundtruth.state().copyFrom === '{second}'")
    editor.drag(*OUTLINE)
    mask, slack = editor.mask(), max(1.0, 1.0 / zoom)
    inside, outside = enclosed(OUTLINE, margin=slack), ~enclosed(OUTLINE, margin=-slack)
    np.testing.assert_array_equal(mask[inside], theirs[inside])
    np.testing.assert_array_equal(mask[outside], mine[outside])
    assert (mask[inside] != mine[inside]).any()
    np.testing.assert_array_equal(read_draft(editor), mask)
    editor.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), mine)


def test_copy_when_its_key_is_pressed_again_then_the_next_candidate_is_shown_and_used(
    editor: Editor,
) -> None:
    ids = [row["id"] for row in editor.state()["current"]["candidates"]]
    assert len(ids) == 3
    for index in (0, 1, 2, 0):
        editor.page.keyboard.press("c")
        editor.wait(f"window.roundtruth.state().peek === '{ids[index]}'")
        letter = editor.state()["current"]["candidates"][index]["letter"]
        expect(editor.page.get_by_text(f"copy from candidate {letter}")).to_be_visible()
    editor.page.get_by_role("button", name="Candidate B").first.hover()
    editor.wait(f"window.roundtruth.state().peek === '{ids[1]}'")
    editor.page.mouse.move(*editor.on_screen(150, 180))
    editor.wait(f"window.roundtruth.state().peek === '{ids[0]}'")
    editor.page.keyboard.press("b")
    editor.wait("window.roundtruth.state().peek === null")


def test_clip_when_the_mask_runs_out_of_the_lungs_then_only_what_is_inside_stays(
    editor: Editor,
) -> None:
    editor.drag((20, 180), (280, 180))
    drawn = editor.mask()
    editor.button("Clip to lung").click()
    editor.wait("window.roundtruth.state().stroke === 2")
    lung = threshold_mask(lungs_p8(), shape=SHAPE, t8=128)
    np.testing.assert_array_equal(editor.mask(), drawn & lung)
    assert (drawn & ~lung).any()
    assert (drawn & lung).any()
    np.testing.assert_array_equal(read_draft(editor), drawn & lung)
    editor.page.keyboard.press("Shift+L")
    alert = editor.page.get_by_role("alert")
    expect(alert).to_contain_text("The whole mask lies inside the lungs already.")
    editor.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), drawn)
