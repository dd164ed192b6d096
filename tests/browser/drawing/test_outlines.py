"""Lasso and polygon in Chromium: what they enclose, and that an open polygon is never lost."""

from __future__ import annotations

import time

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.drawing.outlining import OUTLINE, at_each_zoom, click, enclosed, expect_enclosed
from tests.browser.editor import Editor, read_annotation, read_draft
from tests.browser.profile import Profile

pytestmark = pytest.mark.browser

KEPT_AFTER_S = 0.05


@at_each_zoom
def test_outlines_when_closed_then_their_inside_is_added_or_taken_away(
    editor: Editor, zoom: float
) -> None:
    editor.zoom_to(zoom, (150, 180))
    keyboard = editor.page.keyboard
    editor.button("Lasso").click()
    editor.drag(*OUTLINE)
    drawn = expect_enclosed(editor, zoom)
    keyboard.down("Alt")
    editor.drag(*OUTLINE)
    keyboard.up("Alt")
    assert not editor.mask().any()
    editor.button("Polygon").click()
    click(editor, *OUTLINE)
    assert not editor.mask().any()
    keyboard.press("Enter")
    expect_enclosed(editor, zoom)
    editor.button("Subtract").click()
    click(editor, *OUTLINE, OUTLINE[0])
    assert not editor.mask().any()
    editor.button("Subtract").click()
    click(editor, *OUTLINE[:-1])
    editor.page.mouse.dblclick(*editor.on_screen(*OUTLINE[-1]))
    expect_enclosed(editor, zoom)
    for _ in range(4):
        keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), drawn)
    np.testing.assert_array_equal(read_draft(editor), drawn)


def test_outlines_when_escaped_then_only_the_one_in_progress_goes(editor: Editor) -> None:
    keyboard = editor.page.keyboard
    keyboard.press("f")
    editor.drag(*OUTLINE)
    drawn = editor.mask()
    editor.drag((20, 20), (60, 20), (60, 60), release=False)
    keyboard.press("Escape")
    editor.page.mouse.up()
    keyboard.press("p")
    click(editor, (20, 20), (60, 20), (60, 60))
    keyboard.press("Escape")
    click(editor, (200, 20), (240, 20))
    case = editor.state()["current"]["assignment"]
    keyboard.press("Enter")
    expect(editor.page.get_by_role("alert")).to_contain_text("A polygon needs three corners.")
    keyboard.press("Escape")
    np.testing.assert_array_equal(editor.mask(), drawn)
    assert editor.state()["current"]["assignment"] == case
    keyboard.press("Enter")
    editor.wait_submitted(case)
    np.testing.assert_array_equal(read_annotation(case)[1], drawn)


def test_polygon_when_the_film_is_moved_between_two_corners_then_it_stays_on_the_film(
    editor: Editor,
) -> None:
    editor.page.keyboard.press("p")
    click(editor, *OUTLINE[:2])
    editor.zoom_to(3.0, (150, 180))
    editor.drag((150, 180), (160, 170), button="middle")
    click(editor, *OUTLINE[2:])
    editor.page.keyboard.press("Enter")
    expect_enclosed(editor, 1.0)


def test_polygon_when_undone_then_its_last_corner_goes_and_only_then_what_was_drawn(
    editor: Editor,
) -> None:
    keyboard = editor.page.keyboard
    editor.drag((20, 20), (60, 20))
    drawn = editor.mask()
    keyboard.press("p")
    expect(editor.page.get_by_text("click to set each corner")).to_be_visible()
    click(editor, *OUTLINE, (280, 340), (20, 340))
    expect(editor.page.get_by_text("Ctrl+Z removes a corner")).to_be_visible()
    keyboard.press("Control+z")
    editor.button("Undo").click()
    keyboard.press("Enter")
    enclosed_too = editor.mask()
    np.testing.assert_array_equal(enclosed_too, drawn | enclosed_too)
    assert enclosed_too[enclosed(OUTLINE, margin=1)].all()
    assert not enclosed_too[~enclosed(OUTLINE, margin=-1) & ~drawn].any()
    keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), drawn)
    click(editor, OUTLINE[0])
    keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), drawn)
    keyboard.press("Control+z")
    assert not editor.mask().any()
    expect(editor.button("Undo")).to_be_disabled()


def test_polygon_when_another_tool_is_chosen_then_it_waits_for_lookers_and_ends_for_the_rest(
    editor: Editor,
) -> None:
    keyboard, alert = editor.page.keyboard, editor.page.get_by_role("alert")
    keyboard.press("p")
    click(editor, *OUTLINE[:2])
    keyboard.press("w")
    editor.drag((100, 100), (120, 110))
    keyboard.press("v")
    editor.drag((150, 180), (160, 170))
    editor.page.mouse.dblclick(*editor.on_screen(150, 180))
    keyboard.press("p")
    click(editor, *OUTLINE[2:])
    assert not editor.mask().any()
    keyboard.press("b")
    drawn = expect_enclosed(editor, 1.0)
    keyboard.press("p")
    click(editor, *OUTLINE[:2])
    keyboard.press("e")
    expect(alert).to_contain_text("The open polygon had fewer than three corners and was removed.")
    np.testing.assert_array_equal(editor.mask(), drawn)
    keyboard.press("Control+z")
    assert not editor.mask().any()


def test_polygon_when_a_candidate_is_picked_or_the_case_left_then_it_is_not_lost(
    editor: Editor,
) -> None:
    case = editor.state()["current"]
    editor.page.keyboard.press("p")
    editor.page.keyboard.press("q")
    click(editor, *OUTLINE)
    editor.pick(0)
    theirs = editor.mask()
    editor.page.keyboard.press("Shift+S")
    drawn = editor.mask()
    assert theirs[enclosed(OUTLINE, margin=1)].any()
    assert not drawn[enclosed(OUTLINE, margin=1)].any()
    assert editor.state()["current"]["assignment"] == case["assignment"]
    editor.page.keyboard.press("Shift+S")
    editor.wait_submitted(case["assignment"])


def test_polygon_when_the_browser_is_killed_then_it_is_open_again_and_goes_on(
    profile: Profile,
) -> None:
    editor = profile.start()
    editor.drag((20, 20), (60, 20))
    drawn = editor.mask()
    editor.page.keyboard.press("p")
    click(editor, *OUTLINE[:2], (280, 340))
    editor.page.keyboard.press("Control+z")
    time.sleep(KEPT_AFTER_S)
    profile.kill()

    editor = profile.start()
    expect(editor.page.get_by_role("alert")).to_contain_text("Your open polygon is here again")
    expect(editor.page.get_by_text("Enter closes it, Ctrl+Z removes a corner")).to_be_visible()
    np.testing.assert_array_equal(editor.mask(), drawn)
    click(editor, *OUTLINE[2:])
    editor.page.keyboard.press("Enter")
    closed = editor.mask()
    assert closed[enclosed(OUTLINE, margin=1)].all()
    assert not closed[~enclosed(OUTLINE, margin=-1) & ~drawn].any()
    editor.wait_kept(2)
    editor.page.reload()
    editor.wait_open()
    np.testing.assert_array_equal(editor.mask(), closed)
    assert editor.state()["corners"] == 0


def test_polygon_when_another_tool_is_taken_over_a_held_corner_then_nothing_stays_open(
    editor: Editor,
) -> None:
    keyboard, mouse = editor.page.keyboard, editor.page.mouse
    keyboard.press("p")
    click(editor, *OUTLINE[:3])
    mouse.move(*editor.on_screen(*OUTLINE[3]))
    mouse.down()
    keyboard.press("b")
    mouse.move(*editor.on_screen(280, 340), steps=3)
    mouse.up()
    expect_enclosed(editor, 1.0)
    assert editor.state()["corners"] == 0
    assert editor.state()["stroke"] == 1


def test_polygon_when_the_case_is_excluded_then_it_is_ended_and_seen_before_the_question(
    editor: Editor,
) -> None:
    question = editor.page.get_by_role("dialog", name="Exclude this case")
    editor.page.keyboard.press("p")
    click(editor, *OUTLINE[:2])
    editor.page.keyboard.press("x")
    expect(editor.page.get_by_role("alert")).to_contain_text("A polygon needs three corners.")
    assert editor.state()["corners"] == 2
    click(editor, *OUTLINE[2:])
    editor.page.keyboard.press("x")
    expect(question).to_be_hidden()
    assert editor.mask()[enclosed(OUTLINE, margin=1)].all()
    editor.page.keyboard.press("x")
    expect(question).to_be_visible()
