"""Two tabs or machines on one case in Chromium: the stale one is told, both masks are kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import expect

from annotation import storage
from annotation.models import Annotation, Candidate, LostDraft, User
from mlloop.pixels.masks import decode_mask
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import SHAPE, Editor, read_annotation, read_draft

pytestmark = pytest.mark.browser


def shown(editor: Editor, wanted: npt.NDArray[np.bool_]) -> None:
    """Wait until the screen shows `wanted`: the other mask is fetched and decoded first."""
    editor.wait_until(lambda: np.array_equal(editor.mask(), wanted))


@pytest.mark.parametrize("choice", ["Take mine", "Take theirs"])
def test_two_tabs_when_both_draw_then_the_stale_one_is_told_and_both_masks_are_kept(
    editor: Editor, reading_room: ReadingRoom, choice: str
) -> None:
    stale = reading_room.open(editor.page.context)
    case = stale.wait_open()
    assert case["assignment"] == editor.state()["current"]["assignment"]
    editor.page.bring_to_front()
    editor.drag((80, 90), (140, 130))
    theirs = read_draft(editor)
    stale.page.bring_to_front()
    stale.drag((200, 200), (250, 250))
    mine = stale.mask()
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    expect(dialog).to_be_visible()
    lost = LostDraft.objects.filter(assignment_id=case["assignment"])
    kept = [decode_mask(storage.read(row.mask_key)) for row in lost]
    assert any(np.array_equal(mask, mine) for mask in kept)
    assert any(np.array_equal(mask, theirs) for mask in kept)
    dialog.get_by_role("button", name=choice).click()
    expect(dialog).to_be_hidden()
    wanted = mine if choice == "Take mine" else theirs
    shown(stale, wanted)
    np.testing.assert_array_equal(read_draft(stale), wanted)
    stale.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(stale.mask(), theirs if choice == "Take mine" else mine)


def test_two_tabs_when_mixed_by_region_then_its_inside_is_theirs_and_the_rest_mine(
    editor: Editor, reading_room: ReadingRoom
) -> None:
    stale = reading_room.open(editor.page.context)
    stale.wait_open()
    editor.page.bring_to_front()
    editor.drag((40, 60), (100, 60))
    editor.drag((40, 300), (100, 300))
    theirs = read_draft(editor)
    stale.page.bring_to_front()
    stale.drag((200, 200), (250, 250))
    mine = stale.mask()
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    mixed = dialog.get_by_role("button", name="Take the mix")
    expect(mixed).to_be_disabled()
    box = dialog.get_by_role("application", name="The mix").bounding_box()
    assert box
    scale = min(box["width"] / SHAPE[1], box["height"] / SHAPE[0])
    left = box["x"] + (box["width"] - SHAPE[1] * scale) / 2
    mouse = stale.page.mouse
    mouse.move(left + 10 * scale, box["y"] + 20 * scale)
    mouse.down()
    mouse.move(left + 150 * scale, box["y"] + 180 * scale, steps=5)
    mouse.up()
    mixed.click()
    expect(dialog).to_be_hidden()
    upper = theirs.copy()
    upper[180:] = False
    assert upper.any()
    assert (theirs & ~upper).any()
    shown(stale, mine | upper)
    np.testing.assert_array_equal(read_draft(stale), mine | upper)


@pytest.mark.parametrize("choice", ["Take mine", "Take theirs"])
def test_two_tabs_when_each_picked_another_then_the_verdict_knows_which_was_taken(
    editor: Editor, reading_room: ReadingRoom, choice: str
) -> None:
    stale = reading_room.open(editor.page.context)
    case = stale.wait_open()
    theirs, _, mine = (row["id"] for row in case["candidates"])
    editor.pick(0)
    editor.wait_saved()
    stale.page.keyboard.press("3")
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    dialog.get_by_role("button", name=choice).click()
    expect(dialog).to_be_hidden()
    taken = mine if choice == "Take mine" else theirs
    stale.wait(f"window.roundtruth.state().basis.candidate === '{taken}'")
    stale.wait_saved()
    stale.page.keyboard.press("Enter")
    stale.wait_submitted(case["assignment"])
    annotation, _ = read_annotation(case["assignment"])
    assert annotation.verdict == "picked"
    assert annotation.proposal == Candidate.objects.get(id=taken).proposal


def test_save_for_later_when_another_machine_goes_on_then_the_base_is_known_there(
    editor: Editor, reading_room: ReadingRoom, reader: User
) -> None:
    case = editor.state()["current"]
    picked = case["candidates"][1]["id"]
    editor.pick(1)
    editor.drag((20, 20), (60, 20))
    drawn = editor.mask()
    editor.page.keyboard.press("Shift+S")
    editor.wait_submitted(case["assignment"])
    editor.wait_open()
    editor.page.keyboard.press("0")
    editor.wait(f"window.roundtruth.state().current?.assignment === '{case['assignment']}'")
    editor.page.close()
    elsewhere = reading_room.open(reading_room.sign_in(reader))
    assert elsewhere.wait_open()["assignment"] == case["assignment"]
    np.testing.assert_array_equal(elsewhere.mask(), drawn)
    expect(elsewhere.button("Candidate B: U-Net resnet18 (2)")).to_have_attribute(
        "aria-pressed", "true"
    )
    elsewhere.page.keyboard.press("Enter")
    expect(elsewhere.page.get_by_role("heading", name="All read")).to_be_visible()
    annotation, mask = read_annotation(case["assignment"])
    assert annotation.verdict == "corrected"
    assert str(annotation.proposal_id) == str(Candidate.objects.get(id=picked).proposal_id)
    np.testing.assert_array_equal(mask, drawn)


def test_two_tabs_when_one_submits_then_the_other_is_told_and_its_mask_is_kept(
    editor: Editor, reading_room: ReadingRoom
) -> None:
    other = reading_room.open(editor.page.context)
    case = other.wait_open()
    other.page.route("**/draft/**", lambda route: route.abort())
    other.drag((200, 200), (250, 250))
    other.wait_kept(1)
    editor.page.bring_to_front()
    editor.page.keyboard.press("0")
    editor.wait_submitted(case["assignment"])
    other.page.unroute("**/draft/**")
    expect(other.page.get_by_role("alert")).to_contain_text(
        "In another tab, you submitted this case, without the last stroke drawn here. "
        "The mask stays in this browser for up to 30 days. "
        "If the mask reached the server, a curator can get it back for 30 days."
    )
    other.page.reload()
    other.wait_open()
    kept = other.page.evaluate(
        """assignment => new Promise((done) => {
            indexedDB.open("roundtruth").onsuccess = ({ target: { result: db } }) => {
                const heads = db.transaction("heads").objectStore("heads").getAll();
                heads.onsuccess = () => done(heads.result.filter(
                    (head) => head.assignment === assignment && head.stroke > head.savedStroke
                ).length);
            };
        })""",
        case["assignment"],
    )
    assert kept == 1


def test_no_infection_when_another_tab_drew_then_its_drawing_is_shown_and_not_lost(
    editor: Editor, reading_room: ReadingRoom
) -> None:
    blank = reading_room.open(editor.page.context)
    case = blank.wait_open()
    editor.page.bring_to_front()
    editor.drag((80, 90), (140, 130))
    theirs = read_draft(editor)
    blank.page.bring_to_front()
    blank.page.keyboard.press("0")
    dialog = blank.page.get_by_role("dialog", name="Two masks for one case")
    dialog.get_by_role("button", name="Take theirs").click()
    shown(blank, theirs)
    assert not Annotation.objects.filter(assignment_id=case["assignment"]).exists()
    blank.wait_saved()
    blank.page.keyboard.press("Enter")
    blank.wait_submitted(case["assignment"])
    np.testing.assert_array_equal(read_annotation(case["assignment"])[1], theirs)
