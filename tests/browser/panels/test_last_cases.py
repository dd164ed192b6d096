"""Going back in Chromium: a submitted case opens again, is changed or left, and reading goes on."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from playwright.sync_api import expect

from annotation import storage
from annotation.models import Annotation, Assignment, Image, LostDraft, Reference, User
from mlloop.pixels.masks import decode_mask
from tests.browser.blind import SECRETS, Answers, expect_none
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import Editor, read_draft

pytestmark = pytest.mark.browser


def wait_for_case(editor: Editor, assignment: str) -> None:
    editor.wait(f"window.roundtruth.state().current?.assignment === '{assignment}'")
    editor.wait_open()


def counted(case: dict) -> np.ndarray:
    """Return the reference mask of a case."""
    image = Assignment.objects.get(id=case["assignment"]).image
    reference = Reference.objects.get(image=image, superseded_by=None)
    return decode_mask(storage.read(reference.mask_key))


@pytest.fixture
def gone(editor: Editor) -> tuple[dict, str]:
    """A case that was accepted too fast, and the one on the screen with a stroke of its own."""
    case = editor.state()["current"]
    editor.page.keyboard.press("2")
    editor.wait("window.roundtruth.mask.count() > 0")
    editor.page.keyboard.press("Enter")
    editor.wait_submitted(case["assignment"])
    following = editor.wait_open()["assignment"]
    editor.drag((200, 200), (240, 240))
    return case, following


def test_last_case_when_changed_and_accepted_then_the_new_mask_counts_and_both_stay(
    editor: Editor, gone: tuple[dict, str]
) -> None:
    case, following = gone
    waiting, submitted = read_draft(editor), counted(case)
    row = editor.last_ten().get_by_role("button", name=f"case {case['case_key']}")
    expect(row).to_contain_text("Picked")
    expect(row).to_be_focused()
    opened = time.monotonic()
    editor.page.keyboard.press("Enter")
    wait_for_case(editor, case["assignment"])
    again = editor.state()
    np.testing.assert_array_equal(editor.mask(), submitted)
    assert again["basis"]["candidate"] == case["candidates"][1]["id"]
    # It starts anew, and is counted up once a second.
    assert again["activeSeconds"] < time.monotonic() - opened + 1
    expect(editor.page.get_by_text("Opened again")).to_be_visible()
    expect(editor.page.get_by_role("alert")).to_contain_text(
        "Your submission counts until you decide again"
    )
    expect(editor.button("Save for later (Shift+S)")).to_be_hidden()
    editor.drag((20, 20), (60, 20))
    changed = editor.mask()
    editor.page.keyboard.press("Enter")
    wait_for_case(editor, following)
    np.testing.assert_array_equal(editor.mask(), waiting)
    np.testing.assert_array_equal(counted(case), changed)
    first, second = Annotation.objects.filter(assignment=case["assignment"]).order_by("created_at")
    assert (first.verdict, second.verdict, second.supersedes) == ("picked", "corrected", first)
    np.testing.assert_array_equal(decode_mask(storage.read(first.mask_key)), submitted)
    assert second.strokes == 1


def test_last_case_when_left_as_it_was_then_nothing_changed_and_the_strokes_are_kept(
    editor: Editor, gone: tuple[dict, str]
) -> None:
    case, following = gone
    submitted = counted(case)
    editor.last_ten().get_by_role("button", name=f"case {case['case_key']}").click()
    wait_for_case(editor, case["assignment"])
    editor.drag((20, 20), (60, 20))
    changed = editor.mask()
    editor.button("Leave it as it was").click()
    wait_for_case(editor, following)
    np.testing.assert_array_equal(counted(case), submitted)
    assert Annotation.objects.filter(assignment=case["assignment"]).count() == 1
    assert Assignment.objects.get(id=case["assignment"]).state == "submitted"
    kept = LostDraft.objects.get(assignment=case["assignment"])
    np.testing.assert_array_equal(decode_mask(storage.read(kept.mask_key)), changed)
    editor.page.keyboard.press("Enter")
    expect(editor.page.get_by_role("heading", name="All read")).to_be_visible()
    rows = editor.last_ten().locator(".last-case")
    expect(rows).to_have_count(2)
    rows.nth(0).click()
    wait_for_case(editor, following)
    editor.page.keyboard.press("Shift+Backspace")
    expect(editor.page.get_by_role("heading", name="All read")).to_be_visible()


def test_last_case_when_left_in_one_tab_then_the_other_is_told_that_it_was_put_back(
    editor: Editor, gone: tuple[dict, str], reading_room: ReadingRoom
) -> None:
    case, following = gone
    editor.last_ten().get_by_role("button", name=f"case {case['case_key']}").click()
    wait_for_case(editor, case["assignment"])
    editor.drag((20, 20), (60, 20))
    editor.wait_saved()
    other = reading_room.open(editor.page.context)
    wait_for_case(other, case["assignment"])
    editor.page.bring_to_front()
    editor.page.keyboard.press("Shift+Backspace")
    wait_for_case(editor, following)
    alert = other.page.get_by_role("alert")
    expect(alert).to_contain_text(
        "In another tab, you left this case as it was. What you draw here is not added to it."
    )
    expect(other.page.get_by_label("Saving")).to_have_text("put back elsewhere")
    other.page.bring_to_front()
    other.page.get_by_role("button", name="Go to the next case").click()
    wait_for_case(other, following)


def test_last_case_when_the_page_is_loaded_again_then_it_goes_on(
    editor: Editor, gone: tuple[dict, str]
) -> None:
    case, following = gone
    editor.wait_saved()
    editor.last_ten()
    editor.page.keyboard.press("Enter")
    wait_for_case(editor, case["assignment"])
    editor.drag((20, 20), (60, 20))
    changed = read_draft(editor)
    editor.page.reload()
    wait_for_case(editor, case["assignment"])
    expect(editor.page.get_by_role("alert")).to_contain_text("This case is open again")
    np.testing.assert_array_equal(editor.mask(), changed)
    editor.page.keyboard.press("Control+z")
    editor.wait("!window.roundtruth.state().canUndo")
    np.testing.assert_array_equal(editor.mask(), counted(case))
    editor.page.keyboard.press("Shift+Backspace")
    wait_for_case(editor, following)


def test_last_ten_when_a_polygon_is_open_then_it_is_ended_first(editor: Editor) -> None:
    editor.page.keyboard.press("p")
    for point in ((80, 90), (140, 90), (140, 150)):
        editor.page.mouse.click(*editor.on_screen(*point))
    assert not editor.mask().any()
    editor.page.keyboard.press("Backspace")
    editor.wait("window.roundtruth.mask.count() > 0")
    assert editor.mask()[100, 130]
    expect(editor.page.get_by_role("dialog")).to_have_count(0)


def test_last_case_when_blind_then_nothing_betrays_a_candidate(
    pick_case: Image, reading_room: ReadingRoom, reader: User
) -> None:
    context = reading_room.sign_in(reader)
    answers = Answers(context)
    editor = reading_room.open(context)
    case = editor.wait_open()
    editor.page.keyboard.press("3")
    editor.wait("window.roundtruth.mask.count() > 0")
    chosen = editor.mask()
    editor.page.keyboard.press("Enter")
    expect(editor.page.get_by_role("heading", name="All read")).to_be_visible()
    dialog = editor.last_ten()
    editor.wait_until(lambda: answers.asked(f"/assignments/{case['assignment']}/mask/"))
    seen = [editor.page.content().lower()]
    dialog.locator(".last-case").click()
    wait_for_case(editor, case["assignment"])
    again = editor.state()["current"]
    assert again["blind"]
    assert again["candidates"] == case["candidates"]
    np.testing.assert_array_equal(editor.mask(), chosen)
    editor.page.wait_for_timeout(500)  # what should not be shown could come
    seen += [editor.page.content().lower(), json.dumps(again).lower(), *answers.texts()]
    assert editor.page.get_by_role("slider").count() == 1  # opacity of the mask, no threshold
    expect_none((*SECRETS, "manual", "px changed", "dice"), seen)


@pytest.mark.parametrize("guideline", ["", "Mark consolidation.\nLeave pleural effusion out."])
def test_guideline_then_a_dialog_of_its_own_has_it(
    open_reads: None, reading_room: ReadingRoom, reader: User, guideline: str
) -> None:
    reading_room.project.guideline = guideline
    reading_room.project.save()
    editor = reading_room.open(reading_room.sign_in(reader))
    editor.wait_open()
    editor.page.keyboard.press("Shift+G")
    dialog = editor.page.get_by_role("dialog", name="Guideline")
    expect(dialog).to_contain_text(guideline or "This project has no guideline yet.")
    editor.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    editor.button("Guideline").click()
    expect(dialog).to_be_visible()
