"""Chromium while the threshold slides: a slide is work, and an undo step of its own."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from annotation.models import User
from tests.browser.conftest import ReadingRoom
from tests.browser.drawing.sliding import hold_slider
from tests.browser.editor import Editor, read_annotation

pytestmark = pytest.mark.browser


def test_undo_when_the_threshold_slides_then_the_slide_alone_is_taken_back(editor: Editor) -> None:
    editor.pick(1)
    picked = editor.mask()
    hold_slider(editor, 0.1)
    slid = editor.mask()
    assert slid.sum() > picked.sum()
    editor.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), picked)
    editor.page.mouse.up()
    np.testing.assert_array_equal(editor.mask(), picked)
    expect(editor.page.get_by_role("slider", name="Threshold of")).to_have_value("128")
    editor.page.keyboard.press("Control+Shift+z")
    np.testing.assert_array_equal(editor.mask(), slid)
    editor.page.keyboard.press("Control+z")
    editor.page.keyboard.press("Control+z")
    assert not editor.mask().any()
    expect(editor.button("Undo")).to_be_disabled()


def test_undo_when_the_threshold_slides_on_another_machine_then_it_is_taken_back_too(
    editor: Editor, reading_room: ReadingRoom, reader: User
) -> None:
    editor.pick(1)
    editor.wait_saved()
    picked = editor.mask()
    elsewhere = reading_room.open(reading_room.sign_in(reader))
    elsewhere.wait_open()
    expect(elsewhere.button("Undo")).to_be_disabled()
    hold_slider(elsewhere, 0.1)
    elsewhere.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(elsewhere.mask(), picked)


def test_verdict_when_the_threshold_slides_then_the_slide_ends_first_and_is_what_is_sent(
    editor: Editor,
) -> None:
    case = editor.state()["current"]["assignment"]
    editor.pick(1)
    hold_slider(editor, 0.1)
    slid = editor.mask()
    editor.page.keyboard.press("Enter")
    assert editor.state()["current"]["assignment"] == case
    editor.page.mouse.up()
    np.testing.assert_array_equal(editor.mask(), slid)
    editor.page.keyboard.press("Enter")
    editor.wait_submitted(case)
    np.testing.assert_array_equal(read_annotation(case)[1], slid)


def test_clean_up_when_the_threshold_slides_then_the_slide_is_a_step_before_it(
    editor: Editor,
) -> None:
    editor.pick(1)
    hold_slider(editor, 0.1)
    slid = editor.mask()
    threshold = editor.state()["threshold"]
    editor.page.keyboard.press("+")
    assert editor.mask().sum() > slid.sum()
    assert editor.state()["basis"]["threshold"] == threshold
    editor.page.mouse.up()
    editor.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), slid)
    assert editor.state()["threshold"] == threshold


def test_pick_when_the_threshold_slides_then_undo_brings_the_slide_back(editor: Editor) -> None:
    editor.pick(1)
    hold_slider(editor, 0.1)
    slid = editor.mask()
    editor.pick(0)
    editor.page.mouse.up()
    editor.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(editor.mask(), slid)
