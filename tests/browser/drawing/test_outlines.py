"""Lasso and polygon in Chromium: what they enclose, and that an open polygon is never lost."""

from __future__ import annotations

import time

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk, annotated, drafted
from tests.browser.drawing.outlining import OUTLINE, at_each_zoom, click, enclosed, expect_enclosed
from tests.browser.profile import Profile

pytestmark = pytest.mark.browser

KEPT_AFTER_S = 0.05


@at_each_zoom
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
    expect(desk.page.get_by_text("click to set each corner")).to_be_visible()
    click(desk, *OUTLINE, (280, 340), (20, 340))
    expect(desk.page.get_by_text("Ctrl+Z removes a corner")).to_be_visible()
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
    expect(alert).to_contain_text("The open polygon had fewer than three corners and was removed.")
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
    desk.pick(0)
    theirs = desk.mask()
    desk.page.keyboard.press("Shift+S")
    drawn = desk.mask()
    assert theirs[enclosed(OUTLINE, margin=1)].any()
    assert not drawn[enclosed(OUTLINE, margin=1)].any()
    assert desk.state()["current"]["assignment"] == case["assignment"]
    desk.page.keyboard.press("Shift+S")
    desk.wait_taken(case["assignment"])


def test_polygon_when_the_browser_is_killed_then_it_is_open_again_and_goes_on(
    profile: Profile,
) -> None:
    desk = profile.start()
    desk.drag((20, 20), (60, 20))
    drawn = desk.mask()
    desk.page.keyboard.press("p")
    click(desk, *OUTLINE[:2], (280, 340))
    desk.page.keyboard.press("Control+z")
    time.sleep(KEPT_AFTER_S)
    profile.kill()

    desk = profile.start()
    expect(desk.page.get_by_role("alert")).to_contain_text("Your open polygon is here again")
    expect(desk.page.get_by_text("Enter closes it, Ctrl+Z removes a corner")).to_be_visible()
    np.testing.assert_array_equal(desk.mask(), drawn)
    click(desk, *OUTLINE[2:])
    desk.page.keyboard.press("Enter")
    closed = desk.mask()
    assert closed[enclosed(OUTLINE, margin=1)].all()
    assert not closed[~enclosed(OUTLINE, margin=-1) & ~drawn].any()
    desk.wait_kept(2)
    desk.page.reload()
    desk.wait_open()
    np.testing.assert_array_equal(desk.mask(), closed)
    assert desk.state()["corners"] == 0


def test_polygon_when_another_tool_is_taken_over_a_held_corner_then_nothing_stays_open(
    desk: Desk,
) -> None:
    keyboard, mouse = desk.page.keyboard, desk.page.mouse
    keyboard.press("p")
    click(desk, *OUTLINE[:3])
    mouse.move(*desk.on_screen(*OUTLINE[3]))
    mouse.down()
    keyboard.press("b")
    mouse.move(*desk.on_screen(280, 340), steps=3)
    mouse.up()
    expect_enclosed(desk, 1.0)
    assert desk.state()["corners"] == 0
    assert desk.state()["stroke"] == 1


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
