"""Chromium while the threshold slides: a slide is work, and an undo step of its own."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from annotation.models import User
from tests.browser.conftest import ReadingRoom
from tests.browser.desk import Desk, annotated
from tests.browser.drawing.sliding import hold_slider

pytestmark = pytest.mark.browser


def test_undo_when_the_threshold_slides_then_the_slide_alone_is_taken_back(desk: Desk) -> None:
    desk.pick(1)
    picked = desk.mask()
    hold_slider(desk, 0.1)
    slid = desk.mask()
    assert slid.sum() > picked.sum()
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), picked)
    desk.page.mouse.up()
    np.testing.assert_array_equal(desk.mask(), picked)
    expect(desk.page.get_by_role("slider", name="Threshold of")).to_have_value("128")
    desk.page.keyboard.press("Control+Shift+z")
    np.testing.assert_array_equal(desk.mask(), slid)
    desk.page.keyboard.press("Control+z")
    desk.page.keyboard.press("Control+z")
    assert not desk.mask().any()
    expect(desk.button("Undo")).to_be_disabled()


def test_undo_when_the_threshold_slides_on_another_machine_then_it_is_taken_back_too(
    desk: Desk, reading_room: ReadingRoom, reader: User
) -> None:
    desk.pick(1)
    desk.wait_saved()
    picked = desk.mask()
    elsewhere = reading_room.open(reading_room.sign_in(reader))
    elsewhere.wait_open()
    expect(elsewhere.button("Undo")).to_be_disabled()
    hold_slider(elsewhere, 0.1)
    elsewhere.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(elsewhere.mask(), picked)


def test_verdict_when_the_threshold_slides_then_the_slide_ends_first_and_is_what_is_sent(
    desk: Desk,
) -> None:
    case = desk.state()["current"]["assignment"]
    desk.pick(1)
    hold_slider(desk, 0.1)
    slid = desk.mask()
    desk.page.keyboard.press("Enter")
    assert desk.state()["current"]["assignment"] == case
    desk.page.mouse.up()
    np.testing.assert_array_equal(desk.mask(), slid)
    desk.page.keyboard.press("Enter")
    desk.wait_taken(case)
    np.testing.assert_array_equal(annotated(case)[1], slid)


def test_clean_up_when_the_threshold_slides_then_the_slide_is_a_step_before_it(desk: Desk) -> None:
    desk.pick(1)
    hold_slider(desk, 0.1)
    slid = desk.mask()
    threshold = desk.state()["threshold"]
    desk.page.keyboard.press("+")
    assert desk.mask().sum() > slid.sum()
    assert desk.state()["basis"]["threshold"] == threshold
    desk.page.mouse.up()
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), slid)
    assert desk.state()["threshold"] == threshold


def test_pick_when_the_threshold_slides_then_undo_brings_the_slide_back(desk: Desk) -> None:
    desk.pick(1)
    hold_slider(desk, 0.1)
    slid = desk.mask()
    desk.pick(0)
    desk.page.mouse.up()
    desk.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(desk.mask(), slid)
