"""From a candidate to a verdict in Chromium: pick, threshold, accept, exclude, save for later."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from annotation.models import Annotation, Assignment
from mlloop.pixels.masks import decode_mask, decode_probability
from mlloop.pixels.raster import threshold_mask
from tests.browser.desk import SHAPE, Desk, annotated, drafted, url_of
from tests.browser.saving.offline import accept_offline

pytestmark = pytest.mark.browser


def test_candidates_when_picked_each_then_the_mask_is_theirs(desk: Desk) -> None:
    case = desk.state()["current"]
    assert [row["letter"] for row in case["candidates"]] == ["A", "B", "C"]
    for number, row in enumerate(case["candidates"], start=1):
        desk.page.keyboard.press(str(number))
        desk.wait(f"window.roundtruth.state().basis.candidate === '{row['id']}'")
        wanted = decode_mask(desk.page.request.get(url_of(desk, row["mask_url"])).body())
        np.testing.assert_array_equal(desk.mask(), wanted)
    np.testing.assert_array_equal(drafted(desk), wanted)


def test_threshold_when_moved_then_the_preview_is_the_servers_mask(desk: Desk) -> None:
    row = desk.state()["current"]["candidates"][1]
    desk.button("Candidate B: U-Net resnet18 (2)").click()
    desk.wait("window.roundtruth.state().hasProbability")
    slider = desk.page.get_by_role("slider", name="Threshold of U-Net resnet18")
    p8 = decode_probability(desk.page.request.get(url_of(desk, row["probability_url"])).body())
    for t8 in (40, 200):
        slider.fill(str(t8))
        desk.wait(f"window.roundtruth.state().basis.threshold === {t8}")
        np.testing.assert_array_equal(desk.mask(), threshold_mask(p8, shape=SHAPE, t8=t8))
    desk.drag((20, 20), (60, 20))
    slider.fill("90")
    desk.wait("window.roundtruth.state().basis.threshold === 90")
    assert desk.mask()[20, 40]
    np.testing.assert_array_equal(drafted(desk), desk.mask())


def test_accept_when_the_picked_candidate_is_still_loading_then_its_mask_is_waited_for(
    desk: Desk,
) -> None:
    case = desk.state()["current"]
    late, held = case["candidates"][1], list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    desk.page.route(f"**{late['mask_url']}", hold)
    desk.page.reload()
    desk.wait_open()
    desk.page.keyboard.press("1")
    desk.wait("window.roundtruth.mask.count() > 0")
    desk.page.keyboard.press("2")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_text("The picked candidate is still loading.")).to_be_visible()
    assert desk.state()["current"]["assignment"] == case["assignment"]
    desk.until(lambda: len(held) == 1)
    held[0].continue_()
    desk.wait(f"window.roundtruth.state().basis.candidate === '{late['id']}'")
    wanted = desk.mask()
    desk.page.keyboard.press("Enter")
    desk.wait_taken(case["assignment"])
    np.testing.assert_array_equal(annotated(case["assignment"])[1], wanted)


def test_accept_when_picked_then_the_next_case_opens_in_the_same_movement(desk: Desk) -> None:
    case = desk.state()["current"]
    desk.page.keyboard.press("1")
    desk.wait("window.roundtruth.mask.count() > 0")
    picked = desk.mask()
    desk.page.keyboard.press("Enter")
    desk.wait_taken(case["assignment"])
    following = desk.wait_open()
    assert following["assignment"] != case["assignment"]
    annotation, mask = annotated(case["assignment"])
    assert annotation.verdict == "picked"
    np.testing.assert_array_equal(mask, picked)
    assert not desk.mask().any()
    desk.page.keyboard.press("2")
    desk.wait("window.roundtruth.mask.count() > 0")
    desk.drag((20, 20), (60, 20))
    corrected = desk.mask()
    desk.button("Accept and next (Enter)").click()
    expect(desk.page.get_by_role("heading", name="All read")).to_be_visible()
    expect(desk.page.get_by_role("link", name="Back to Pilot")).to_be_visible()
    annotation, mask = annotated(following["assignment"])
    assert annotation.verdict == "corrected"
    np.testing.assert_array_equal(mask, corrected)


def test_accept_when_the_net_is_cut_then_the_next_case_shows_and_the_last_is_sent_once(
    desk: Desk,
) -> None:
    case, accepted = accept_offline(desk)
    desk.drag((200, 200), (250, 250))
    drawn = desk.mask()
    expect(desk.page.get_by_role("status", name="Saving")).to_have_text(
        "offline, 1 stroke kept here, last case not sent yet"
    )
    assert not Annotation.objects.exists()
    desk.page.context.set_offline(False)
    desk.wait_taken(case)
    np.testing.assert_array_equal(annotated(case)[1], accepted)
    assert Annotation.objects.count() == 1
    np.testing.assert_array_equal(drafted(desk), drawn)
    np.testing.assert_array_equal(desk.mask(), drawn)


def test_accept_when_refused_later_then_the_case_is_back_and_both_drawings_are_kept(
    desk: Desk,
) -> None:
    case, refused = accept_offline(desk)
    newer = desk.state()["current"]["assignment"]
    desk.drag((200, 200), (250, 250))
    drawn = desk.mask()
    Assignment.objects.filter(id=case).update(state=Assignment.State.RELEASED)
    desk.page.context.set_offline(False)
    desk.wait(f"window.roundtruth.state().current?.assignment === '{case}'")
    expect(desk.page.get_by_role("alert")).to_contain_text("Your lease on this case has ended")
    np.testing.assert_array_equal(desk.mask(), refused)
    assert not Annotation.objects.exists()
    desk.page.get_by_role("button", name="Go to the next case").click()
    desk.wait(f"window.roundtruth.state().current?.assignment === '{newer}'")
    desk.wait_open()
    np.testing.assert_array_equal(desk.mask(), drawn)
    np.testing.assert_array_equal(drafted(desk), drawn)


def test_polygon_when_the_refused_case_comes_back_then_it_stays_open_on_the_newer_one(
    desk: Desk,
) -> None:
    case, _ = accept_offline(desk)
    newer = desk.state()["current"]["assignment"]
    desk.page.keyboard.press("p")
    for corner in ((200, 200), (250, 200), (250, 250)):
        desk.page.mouse.click(*desk.on_screen(*corner))
    Assignment.objects.filter(id=case).update(state=Assignment.State.RELEASED)
    desk.page.context.set_offline(False)
    desk.wait(f"window.roundtruth.state().current?.assignment === '{case}'")
    assert desk.state()["corners"] == 0
    assert not desk.mask()[210, 240]
    desk.page.get_by_role("button", name="Go to the next case").click()
    desk.wait(f"window.roundtruth.state().current?.assignment === '{newer}'")
    desk.wait_open()
    assert desk.state()["corners"] == 3
    desk.page.keyboard.press("Enter")
    assert desk.mask()[210, 240]
    assert drafted(desk)[210, 240]


def test_accept_when_nothing_is_marked_then_it_asks_for_no_infection(desk: Desk) -> None:
    case = desk.state()["current"]
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("alert")).to_contain_text("Press 0 if there is no infection")
    desk.page.keyboard.press("0")
    desk.wait_taken(case["assignment"])
    assert Annotation.objects.get(assignment_id=case["assignment"]).verdict == "no_infection"


def test_exclude_flag_and_note_when_given_then_the_annotation_has_them(desk: Desk) -> None:
    case = desk.state()["current"]
    desk.page.keyboard.press("g")
    desk.button("Note").click()
    desk.page.get_by_role("textbox", name="Note").fill("lead over the left base")
    desk.button("Keep note").click()
    desk.page.keyboard.press("x")
    desk.page.get_by_label("Poor image quality").check()
    desk.button("Exclude and next").click()
    desk.wait_taken(case["assignment"])
    annotation = Annotation.objects.get(assignment_id=case["assignment"])
    assert annotation.verdict == "excluded"
    assert annotation.exclusion_reason == "poor_quality"
    assert annotation.note == "lead over the left base"
    assert annotation.is_flagged


def test_save_for_later_when_chosen_then_the_drawing_waits(desk: Desk) -> None:
    case = desk.state()["current"]
    desk.drag((80, 90), (140, 130))
    drawn = desk.mask()
    desk.page.keyboard.press("Shift+S")
    desk.wait_taken(case["assignment"])
    desk.wait_open()
    desk.page.keyboard.press("0")
    desk.wait(f"window.roundtruth.state().current?.assignment === '{case['assignment']}'")
    desk.wait_open()
    np.testing.assert_array_equal(desk.mask(), drawn)


def test_escape_when_drawing_then_only_that_stroke_goes(desk: Desk) -> None:
    desk.drag((80, 90), (140, 130))
    first = desk.mask()
    desk.drag((200, 200), (250, 250), release=False)
    assert desk.mask().sum() > first.sum()
    desk.page.keyboard.press("Escape")
    desk.page.mouse.up()
    np.testing.assert_array_equal(desk.mask(), first)
