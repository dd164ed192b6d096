"""From a candidate to a verdict in Chromium: pick, threshold, accept, exclude, save for later."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from annotation.models import Annotation, Assignment
from mlloop.pixels.masks import decode_mask, decode_probability
from mlloop.pixels.raster import threshold_mask
from tests.browser.editor import SHAPE, Editor, absolute_url, read_annotation, read_draft
from tests.browser.saving.offline import accept_offline

pytestmark = pytest.mark.browser


def test_candidates_when_picked_each_then_the_mask_is_theirs(editor: Editor) -> None:
    case = editor.state()["current"]
    assert [row["letter"] for row in case["candidates"]] == ["A", "B", "C"]
    for number, row in enumerate(case["candidates"], start=1):
        editor.page.keyboard.press(str(number))
        editor.wait(f"window.roundtruth.state().basis.candidate === '{row['id']}'")
        wanted = decode_mask(editor.page.request.get(absolute_url(editor, row["mask_url"])).body())
        np.testing.assert_array_equal(editor.mask(), wanted)
    np.testing.assert_array_equal(read_draft(editor), wanted)


def test_threshold_when_moved_then_the_preview_is_the_servers_mask(editor: Editor) -> None:
    row = editor.state()["current"]["candidates"][1]
    editor.button("Candidate B: U-Net resnet18 (2)").click()
    editor.wait("window.roundtruth.state().hasProbability")
    slider = editor.page.get_by_role("slider", name="Threshold of U-Net resnet18")
    p8 = decode_probability(
        editor.page.request.get(absolute_url(editor, row["probability_url"])).body()
    )
    for t8 in (40, 200):
        slider.fill(str(t8))
        editor.wait(f"window.roundtruth.state().basis.threshold === {t8}")
        np.testing.assert_array_equal(editor.mask(), threshold_mask(p8, shape=SHAPE, t8=t8))
    editor.drag((20, 20), (60, 20))
    slider.fill("90")
    editor.wait("window.roundtruth.state().basis.threshold === 90")
    assert editor.mask()[20, 40]
    np.testing.assert_array_equal(read_draft(editor), editor.mask())


def test_accept_when_the_picked_candidate_is_still_loading_then_its_mask_is_waited_for(
    editor: Editor,
) -> None:
    case = editor.state()["current"]
    late, held = case["candidates"][1], list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    editor.page.route(f"**{late['mask_url']}", hold)
    editor.page.reload()
    editor.wait_open()
    editor.page.keyboard.press("1")
    editor.wait("window.roundtruth.mask.count() > 0")
    editor.page.keyboard.press("2")
    editor.page.keyboard.press("Enter")
    expect(editor.page.get_by_text("The picked candidate is still loading.")).to_be_visible()
    assert editor.state()["current"]["assignment"] == case["assignment"]
    editor.wait_until(lambda: len(held) == 1)
    held[0].continue_()
    editor.wait(f"window.roundtruth.state().basis.candidate === '{late['id']}'")
    wanted = editor.mask()
    editor.page.keyboard.press("Enter")
    editor.wait_submitted(case["assignment"])
    np.testing.assert_array_equal(read_annotation(case["assignment"])[1], wanted)


def test_accept_when_picked_then_the_next_case_opens_in_the_same_movement(editor: Editor) -> None:
    case = editor.state()["current"]
    editor.page.keyboard.press("1")
    editor.wait("window.roundtruth.mask.count() > 0")
    picked = editor.mask()
    editor.page.keyboard.press("Enter")
    editor.wait_submitted(case["assignment"])
    following = editor.wait_open()
    assert following["assignment"] != case["assignment"]
    annotation, mask = read_annotation(case["assignment"])
    assert annotation.verdict == "picked"
    np.testing.assert_array_equal(mask, picked)
    assert not editor.mask().any()
    editor.page.keyboard.press("2")
    editor.wait("window.roundtruth.mask.count() > 0")
    editor.drag((20, 20), (60, 20))
    corrected = editor.mask()
    editor.button("Accept and next (Enter)").click()
    expect(editor.page.get_by_role("heading", name="All read")).to_be_visible()
    expect(editor.page.get_by_role("link", name="Back to Pilot")).to_be_visible()
    annotation, mask = read_annotation(following["assignment"])
    assert annotation.verdict == "corrected"
    np.testing.assert_array_equal(mask, corrected)


def test_accept_when_the_net_is_cut_then_the_next_case_shows_and_the_last_is_sent_once(
    editor: Editor,
) -> None:
    case, accepted = accept_offline(editor)
    editor.drag((200, 200), (250, 250))
    drawn = editor.mask()
    expect(editor.page.get_by_role("status", name="Saving")).to_have_text(
        "offline, 1 stroke kept here, last case not sent yet"
    )
    assert not Annotation.objects.exists()
    editor.page.context.set_offline(False)
    editor.wait_submitted(case)
    np.testing.assert_array_equal(read_annotation(case)[1], accepted)
    assert Annotation.objects.count() == 1
    np.testing.assert_array_equal(read_draft(editor), drawn)
    np.testing.assert_array_equal(editor.mask(), drawn)


def test_accept_when_refused_later_then_the_case_is_back_and_both_drawings_are_kept(
    editor: Editor,
) -> None:
    case, refused = accept_offline(editor)
    newer = editor.state()["current"]["assignment"]
    editor.drag((200, 200), (250, 250))
    drawn = editor.mask()
    Assignment.objects.filter(id=case).update(state=Assignment.State.RELEASED)
    editor.page.context.set_offline(False)
    editor.wait(f"window.roundtruth.state().current?.assignment === '{case}'")
    expect(editor.page.get_by_role("alert")).to_contain_text("Your lease on this case has ended")
    np.testing.assert_array_equal(editor.mask(), refused)
    assert not Annotation.objects.exists()
    editor.page.get_by_role("button", name="Go to the next case").click()
    editor.wait(f"window.roundtruth.state().current?.assignment === '{newer}'")
    editor.wait_open()
    np.testing.assert_array_equal(editor.mask(), drawn)
    np.testing.assert_array_equal(read_draft(editor), drawn)


def test_polygon_when_the_refused_case_comes_back_then_it_stays_open_on_the_newer_one(
    editor: Editor,
) -> None:
    case, _ = accept_offline(editor)
    newer = editor.state()["current"]["assignment"]
    editor.page.keyboard.press("p")
    for corner in ((200, 200), (250, 200), (250, 250)):
        editor.page.mouse.click(*editor.on_screen(*corner))
    Assignment.objects.filter(id=case).update(state=Assignment.State.RELEASED)
    editor.page.context.set_offline(False)
    editor.wait(f"window.roundtruth.state().current?.assignment === '{case}'")
    assert editor.state()["corners"] == 0
    assert not editor.mask()[210, 240]
    editor.page.get_by_role("button", name="Go to the next case").click()
    editor.wait(f"window.roundtruth.state().current?.assignment === '{newer}'")
    editor.wait_open()
    assert editor.state()["corners"] == 3
    editor.page.keyboard.press("Enter")
    assert editor.mask()[210, 240]
    assert read_draft(editor)[210, 240]


def test_accept_when_nothing_is_marked_then_it_asks_for_no_infection(editor: Editor) -> None:
    case = editor.state()["current"]
    editor.page.keyboard.press("Enter")
    expect(editor.page.get_by_role("alert")).to_contain_text("Press 0 if there is no infection")
    editor.page.keyboard.press("0")
    editor.wait_submitted(case["assignment"])
    assert Annotation.objects.get(assignment_id=case["assignment"]).verdict == "no_infection"


def test_exclude_flag_and_note_when_given_then_the_annotation_has_them(editor: Editor) -> None:
    case = editor.state()["current"]
    editor.page.keyboard.press("g")
    editor.button("Note").click()
    editor.page.get_by_role("textbox", name="Note").fill("lead over the left base")
    editor.button("Keep note").click()
    editor.page.keyboard.press("x")
    editor.page.get_by_label("Poor image quality").check()
    editor.button("Exclude and next").click()
    editor.wait_submitted(case["assignment"])
    annotation = Annotation.objects.get(assignment_id=case["assignment"])
    assert annotation.verdict == "excluded"
    assert annotation.exclusion_reason == "poor_quality"
    assert annotation.note == "lead over the left base"
    assert annotation.is_flagged


def test_save_for_later_when_chosen_then_the_drawing_waits(editor: Editor) -> None:
    case = editor.state()["current"]
    editor.drag((80, 90), (140, 130))
    drawn = editor.mask()
    editor.page.keyboard.press("Shift+S")
    editor.wait_submitted(case["assignment"])
    editor.wait_open()
    editor.page.keyboard.press("0")
    editor.wait(f"window.roundtruth.state().current?.assignment === '{case['assignment']}'")
    editor.wait_open()
    np.testing.assert_array_equal(editor.mask(), drawn)


def test_escape_when_drawing_then_only_that_stroke_goes(editor: Editor) -> None:
    editor.drag((80, 90), (140, 130))
    first = editor.mask()
    editor.drag((200, 200), (250, 250), release=False)
    assert editor.mask().sum() > first.sum()
    editor.page.keyboard.press("Escape")
    editor.page.mouse.up()
    np.testing.assert_array_equal(editor.mask(), first)
