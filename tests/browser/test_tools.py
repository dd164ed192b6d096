"""The tools in Chromium: what each does to the pixels, and that the server has the same ones."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy import ndimage

from mlloop.masks import threshold_mask
from tests.annotation.factories import lungs_p8
from tests.browser.desk import SHAPE, Desk, annotated, drafted

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


Points = list[tuple[float, float]]
ZOOMS = [0.25, 1.0, 4.0]
# Round (150, 180): within sight at zoom 4, and some pixels across at zoom 0.25.
OUTLINE: Points = [(120, 150), (185, 155), (170, 215), (125, 200)]


def enclosed(points: Points, *, margin: float = 0.0) -> np.ndarray:
    """Return the pixels whose centres lie inside a convex outline by more than `margin`."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    inside = np.ones(SHAPE, bool)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        length = np.hypot(x1 - x0, y1 - y0)
        inside &= ((x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0)) / length > margin
    return inside


def expect_enclosed(desk: Desk, zoom: float) -> np.ndarray:
    """Assert that the mask is the outline's inside, as exactly as a pixel of the screen is."""
    mask, slack = desk.mask(), max(1.0, 1.0 / zoom)
    assert mask[enclosed(OUTLINE, margin=slack)].all()
    assert not mask[~enclosed(OUTLINE, margin=-slack)].any()
    return mask


def click(desk: Desk, *points: tuple[float, float]) -> None:
    for point in points:
        desk.page.mouse.click(*desk.on_screen(*point))


@pytest.mark.parametrize("zoom", ZOOMS)
def test_outlines_when_closed_then_their_inside_is_added_or_taken_away(
    desk: Desk, zoom: float
) -> None:
    desk.zoom_to(zoom, (150, 180))
    keyboard = desk.page.keyboard
    desk.button("Lasso").click()
    desk.drag(*OUTLINE)
    drawn = expect_enclosed(desk, zoom)
    keyboard.down("Alt")
    desk.drag(*OUTLINE)
    keyboard.up("Alt")
    assert not desk.mask().any()
    desk.button("Polygon").click()
    click(desk, *OUTLINE)
    assert not desk.mask().any()
    keyboard.press("Enter")
    expect_enclosed(desk, zoom)
    desk.button("Subtract").click()
    click(desk, *OUTLINE, OUTLINE[0])
    assert not desk.mask().any()
    desk.button("Subtract").click()
    click(desk, *OUTLINE[:-1])
    desk.page.mouse.dblclick(*desk.on_screen(*OUTLINE[-1]))
    expect_enclosed(desk, zoom)
    for _ in range(4):
        keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), drawn)
    np.testing.assert_array_equal(drafted(desk), drawn)


def test_outlines_when_escaped_then_only_the_one_in_progress_goes(desk: Desk) -> None:
    keyboard = desk.page.keyboard
    keyboard.press("f")
    desk.drag(*OUTLINE)
    drawn = desk.mask()
    desk.drag((20, 20), (60, 20), (60, 60), release=False)
    keyboard.press("Escape")
    desk.page.mouse.up()
    keyboard.press("p")
    click(desk, (20, 20), (60, 20), (60, 60))
    keyboard.press("Escape")
    click(desk, (200, 20), (240, 20))
    case = desk.state()["current"]["assignment"]
    keyboard.press("Enter")
    expect(desk.page.get_by_role("alert")).to_contain_text("A polygon needs three corners.")
    keyboard.press("Escape")
    np.testing.assert_array_equal(desk.mask(), drawn)
    assert desk.state()["current"]["assignment"] == case
    keyboard.press("Enter")
    desk.wait_taken(case)
    np.testing.assert_array_equal(annotated(case)[1], drawn)


def test_polygon_when_the_film_is_moved_between_two_corners_then_it_stays_on_the_film(
    desk: Desk,
) -> None:
    desk.page.keyboard.press("p")
    click(desk, *OUTLINE[:2])
    desk.zoom_to(3.0, (150, 180))
    desk.drag((150, 180), (160, 170), button="middle")
    click(desk, *OUTLINE[2:])
    desk.page.keyboard.press("Enter")
    expect_enclosed(desk, 1.0)


def test_polygon_when_undone_then_its_last_corner_goes_and_only_then_what_was_drawn(
    desk: Desk,
) -> None:
    keyboard = desk.page.keyboard
    desk.drag((20, 20), (60, 20))
    drawn = desk.mask()
    keyboard.press("p")
    expect(desk.page.get_by_text("a click sets each corner")).to_be_visible()
    click(desk, *OUTLINE, (280, 340), (20, 340))
    expect(desk.page.get_by_text("Ctrl+Z steps back")).to_be_visible()
    keyboard.press("Control+z")
    desk.button("Undo").click()
    keyboard.press("Enter")
    enclosed_too = desk.mask()
    np.testing.assert_array_equal(enclosed_too, drawn | enclosed_too)
    assert enclosed_too[enclosed(OUTLINE, margin=1)].all()
    assert not enclosed_too[~enclosed(OUTLINE, margin=-1) & ~drawn].any()
    keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), drawn)
    click(desk, OUTLINE[0])
    keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), drawn)
    keyboard.press("Control+z")
    assert not desk.mask().any()
    expect(desk.button("Undo")).to_be_disabled()


def test_polygon_when_another_tool_is_chosen_then_it_waits_for_lookers_and_ends_for_the_rest(
    desk: Desk,
) -> None:
    keyboard, alert = desk.page.keyboard, desk.page.get_by_role("alert")
    keyboard.press("p")
    click(desk, *OUTLINE[:2])
    keyboard.press("w")
    desk.drag((100, 100), (120, 110))
    keyboard.press("v")
    desk.drag((150, 180), (160, 170))
    desk.page.mouse.dblclick(*desk.on_screen(150, 180))
    keyboard.press("p")
    click(desk, *OUTLINE[2:])
    assert not desk.mask().any()
    keyboard.press("b")
    drawn = expect_enclosed(desk, 1.0)
    keyboard.press("p")
    click(desk, *OUTLINE[:2])
    keyboard.press("e")
    expect(alert).to_contain_text("The open polygon had fewer than three corners and was dropped.")
    np.testing.assert_array_equal(desk.mask(), drawn)
    keyboard.press("Control+z")
    assert not desk.mask().any()


def test_polygon_when_a_candidate_is_picked_or_the_case_left_then_it_is_not_lost(
    desk: Desk,
) -> None:
    case = desk.state()["current"]
    desk.page.keyboard.press("p")
    desk.page.keyboard.press("q")
    click(desk, *OUTLINE)
    picked = case["candidates"][0]["id"]
    desk.page.keyboard.press("1")
    desk.wait(f"window.roundtruth.state().basis.candidate === '{picked}'")
    theirs = desk.mask()
    desk.page.keyboard.press("Shift+S")
    drawn = desk.mask()
    assert theirs[enclosed(OUTLINE, margin=1)].any()
    assert not drawn[enclosed(OUTLINE, margin=1)].any()
    assert desk.state()["current"]["assignment"] == case["assignment"]
    desk.page.keyboard.press("Shift+S")
    desk.wait_taken(case["assignment"])


def test_polygon_when_the_case_is_excluded_then_it_is_ended_and_seen_before_the_question(
    desk: Desk,
) -> None:
    question = desk.page.get_by_role("dialog", name="Exclude this case")
    desk.page.keyboard.press("p")
    click(desk, *OUTLINE[:2])
    desk.page.keyboard.press("x")
    expect(desk.page.get_by_role("alert")).to_contain_text("A polygon needs three corners.")
    assert desk.state()["corners"] == 2
    click(desk, *OUTLINE[2:])
    desk.page.keyboard.press("x")
    expect(question).to_be_hidden()
    assert desk.mask()[enclosed(OUTLINE, margin=1)].all()
    desk.page.keyboard.press("x")
    expect(question).to_be_visible()


@pytest.mark.parametrize("zoom", ZOOMS)
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
    candidate = desk.state()["current"]["candidates"][index]["id"]
    desk.page.keyboard.press(str(index + 1))
    desk.wait(f"window.roundtruth.state().basis.candidate === '{candidate}'")
    mask = desk.mask()
    desk.page.keyboard.press("Control+z")
    return mask


@pytest.mark.parametrize("zoom", ZOOMS)
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
    expect(alert).to_contain_text("Nothing of the mask lies outside the lungs.")
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), drawn)
