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
from tests.browser.desk import Desk, drafted

pytestmark = pytest.mark.browser


def wait_for_case(desk: Desk, assignment: str) -> None:
    desk.wait(f"window.roundtruth.state().current?.assignment === '{assignment}'")
    desk.wait_open()


def counted(case: dict) -> np.ndarray:
    """Return the reference mask of a case."""
    image = Assignment.objects.get(id=case["assignment"]).image
    reference = Reference.objects.get(image=image, superseded_by=None)
    return decode_mask(storage.read(reference.mask_key))


@pytest.fixture
def gone(desk: Desk) -> tuple[dict, str]:
    """A case that was accepted too fast, and the one on the desk with a stroke of its own."""
    case = desk.state()["current"]
    desk.page.keyboard.press("2")
    desk.wait("window.roundtruth.mask.count() > 0")
    desk.page.keyboard.press("Enter")
    desk.wait_taken(case["assignment"])
    following = desk.wait_open()["assignment"]
    desk.drag((200, 200), (240, 240))
    return case, following


def test_last_case_when_changed_and_accepted_then_the_new_mask_counts_and_both_stay(
    desk: Desk, gone: tuple[dict, str]
) -> None:
    case, following = gone
    waiting, submitted = drafted(desk), counted(case)
    row = desk.last_ten().get_by_role("button", name=f"case {case['case_key']}")
    expect(row).to_contain_text("Picked")
    expect(row).to_be_focused()
    opened = time.monotonic()
    desk.page.keyboard.press("Enter")
    wait_for_case(desk, case["assignment"])
    again = desk.state()
    np.testing.assert_array_equal(desk.mask(), submitted)
    assert again["basis"]["candidate"] == case["candidates"][1]["id"]
    # It starts anew, and is counted up once a second.
    assert again["activeSeconds"] < time.monotonic() - opened + 1
    expect(desk.page.get_by_text("Opened again")).to_be_visible()
    expect(desk.page.get_by_role("alert")).to_contain_text(
        "Your submission counts until you decide again"
    )
    expect(desk.button("Save for later (Shift+S)")).to_be_hidden()
    desk.drag((20, 20), (60, 20))
    changed = desk.mask()
    desk.page.keyboard.press("Enter")
    wait_for_case(desk, following)
    np.testing.assert_array_equal(desk.mask(), waiting)
    np.testing.assert_array_equal(counted(case), changed)
    first, second = Annotation.objects.filter(assignment=case["assignment"]).order_by("created_at")
    assert (first.verdict, second.verdict, second.supersedes) == ("picked", "corrected", first)
    np.testing.assert_array_equal(decode_mask(storage.read(first.mask_key)), submitted)
    assert second.strokes == 1


def test_last_case_when_left_as_it_was_then_nothing_changed_and_the_strokes_are_kept(
    desk: Desk, gone: tuple[dict, str]
) -> None:
    case, following = gone
    submitted = counted(case)
    desk.last_ten().get_by_role("button", name=f"case {case['case_key']}").click()
    wait_for_case(desk, case["assignment"])
    desk.drag((20, 20), (60, 20))
    changed = desk.mask()
    desk.button("Leave it as it was").click()
    wait_for_case(desk, following)
    np.testing.assert_array_equal(counted(case), submitted)
    assert Annotation.objects.filter(assignment=case["assignment"]).count() == 1
    assert Assignment.objects.get(id=case["assignment"]).state == "submitted"
    kept = LostDraft.objects.get(assignment=case["assignment"])
    np.testing.assert_array_equal(decode_mask(storage.read(kept.mask_key)), changed)
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name="All read")).to_be_visible()
    rows = desk.last_ten().locator(".last-case")
    expect(rows).to_have_count(2)
    rows.nth(0).click()
    wait_for_case(desk, following)
    desk.page.keyboard.press("Shift+Backspace")
    expect(desk.page.get_by_role("heading", name="All read")).to_be_visible()


def test_last_case_when_left_in_one_tab_then_the_other_is_told_that_it_was_put_back(
    desk: Desk, gone: tuple[dict, str], reading_room: ReadingRoom
) -> None:
    case, following = gone
    desk.last_ten().get_by_role("button", name=f"case {case['case_key']}").click()
    wait_for_case(desk, case["assignment"])
    desk.drag((20, 20), (60, 20))
    desk.wait_saved()
    other = reading_room.open(desk.page.context)
    wait_for_case(other, case["assignment"])
    desk.page.bring_to_front()
    desk.page.keyboard.press("Shift+Backspace")
    wait_for_case(desk, following)
    alert = other.page.get_by_role("alert")
    expect(alert).to_contain_text(
        "In another tab, you left this case as it was. What you draw here is not added to it."
    )
    expect(other.page.get_by_label("Saving")).to_have_text("put back elsewhere")
    other.page.bring_to_front()
    other.page.get_by_role("button", name="Go to the next case").click()
    wait_for_case(other, following)


def test_last_case_when_the_page_is_loaded_again_then_it_goes_on(
    desk: Desk, gone: tuple[dict, str]
) -> None:
    case, following = gone
    desk.wait_saved()
    desk.last_ten()
    desk.page.keyboard.press("Enter")
    wait_for_case(desk, case["assignment"])
    desk.drag((20, 20), (60, 20))
    changed = drafted(desk)
    desk.page.reload()
    wait_for_case(desk, case["assignment"])
    expect(desk.page.get_by_role("alert")).to_contain_text("This case is open again")
    np.testing.assert_array_equal(desk.mask(), changed)
    desk.page.keyboard.press("Control+z")
    desk.wait("!window.roundtruth.state().canUndo")
    np.testing.assert_array_equal(desk.mask(), counted(case))
    desk.page.keyboard.press("Shift+Backspace")
    wait_for_case(desk, following)


def test_last_ten_when_a_polygon_is_open_then_it_is_ended_first(desk: Desk) -> None:
    desk.page.keyboard.press("p")
    for point in ((80, 90), (140, 90), (140, 150)):
        desk.page.mouse.click(*desk.on_screen(*point))
    assert not desk.mask().any()
    desk.page.keyboard.press("Backspace")
    desk.wait("window.roundtruth.mask.count() > 0")
    assert desk.mask()[100, 130]
    expect(desk.page.get_by_role("dialog")).to_have_count(0)


def test_last_case_when_blind_then_nothing_betrays_a_candidate(
    pick_case: Image, reading_room: ReadingRoom, reader: User
) -> None:
    context = reading_room.sign_in(reader)
    answers = Answers(context)
    desk = reading_room.open(context)
    case = desk.wait_open()
    desk.page.keyboard.press("3")
    desk.wait("window.roundtruth.mask.count() > 0")
    chosen = desk.mask()
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name="All read")).to_be_visible()
    dialog = desk.last_ten()
    desk.until(lambda: answers.asked(f"/assignments/{case['assignment']}/mask/"))
    seen = [desk.page.content().lower()]
    dialog.locator(".last-case").click()
    wait_for_case(desk, case["assignment"])
    again = desk.state()["current"]
    assert again["blind"]
    assert again["candidates"] == case["candidates"]
    np.testing.assert_array_equal(desk.mask(), chosen)
    desk.page.wait_for_timeout(500)  # what should not be shown could come
    seen += [desk.page.content().lower(), json.dumps(again).lower(), *answers.texts()]
    assert desk.page.get_by_role("slider").count() == 1  # opacity of the mask, no threshold
    expect_none((*SECRETS, "manual", "px changed", "dice"), seen)


@pytest.mark.parametrize("guideline", ["", "Mark consolidation.\nLeave pleural effusion out."])
def test_guideline_then_a_dialog_of_its_own_has_it(
    open_reads: None, reading_room: ReadingRoom, reader: User, guideline: str
) -> None:
    reading_room.project.guideline = guideline
    reading_room.project.save()
    desk = reading_room.open(reading_room.sign_in(reader))
    desk.wait_open()
    desk.page.keyboard.press("Shift+G")
    dialog = desk.page.get_by_role("dialog", name="Guideline")
    expect(dialog).to_contain_text(guideline or "This project has no guideline yet.")
    desk.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    desk.button("Guideline").click()
    expect(dialog).to_be_visible()
