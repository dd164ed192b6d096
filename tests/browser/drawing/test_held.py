"""A drawing under way in Chromium: no verb, dialog or other case drops what is held."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Dialog, expect

from annotation.models import Assignment
from tests.browser.conftest import ReadingRoom
from tests.browser.drawing.cross import move_cross, press_keys
from tests.browser.editor import Editor, read_draft
from tests.browser.saving.offline import accept_offline

pytestmark = pytest.mark.browser

LASSO = ((200, 200), (250, 200), (250, 250), (200, 250))
INSIDE = (225, 225)


def hold(editor: Editor, tool: str) -> None:
    """Press the keyboard's cross with a tool, and move it."""
    press_keys(editor, tool, ".", "Space")
    move_cross(editor, 40, 10)
    assert editor.state()["cross"]["isDown"]


def expect_lifted(editor: Editor) -> None:
    """The next steps of the cross draw nothing."""
    assert not editor.state()["cross"]["isDown"]
    before = editor.mask()
    move_cross(editor, 20, 0)
    np.testing.assert_array_equal(editor.mask(), before)


def test_undo_when_the_keys_hold_a_stroke_then_it_takes_back_that_one_alone(editor: Editor) -> None:
    expect(editor.button("Undo")).to_be_disabled()
    hold(editor, "b")
    held = editor.mask()
    expect(editor.button("Undo")).to_be_enabled()
    press_keys(editor, "Control+z")
    assert not editor.mask().any()
    expect_lifted(editor)
    press_keys(editor, "Control+Shift+z")
    np.testing.assert_array_equal(editor.mask(), held)
    press_keys(editor, "Space")
    move_cross(editor, 0, 60)
    both = editor.mask()
    assert both.sum() > held.sum()
    press_keys(editor, "Control+z")
    np.testing.assert_array_equal(editor.mask(), held)
    np.testing.assert_array_equal(read_draft(editor), held)
    press_keys(editor, "Space")
    move_cross(editor, 0, -60)
    other = editor.mask()
    press_keys(editor, "Control+y")  # ends it too, and what was undone before is gone
    np.testing.assert_array_equal(editor.mask(), other)
    expect_lifted(editor)
    press_keys(editor, "Control+z")
    np.testing.assert_array_equal(editor.mask(), held)


def test_undo_when_the_mouse_holds_a_stroke_then_it_takes_back_that_one_alone(
    editor: Editor,
) -> None:
    editor.drag((80, 90), (140, 130))
    first = editor.mask()
    editor.drag((200, 200), (250, 250), release=False)
    both = editor.mask()
    press_keys(editor, "Control+z")
    editor.page.mouse.move(*editor.on_screen(100, 300), steps=3)
    editor.page.mouse.up()
    np.testing.assert_array_equal(editor.mask(), first)
    press_keys(editor, "Control+Shift+z")
    np.testing.assert_array_equal(editor.mask(), both)


def test_undo_when_the_keys_hold_the_ruler_then_no_stroke_is_taken_back(editor: Editor) -> None:
    editor.drag((80, 90), (140, 130))
    drawn = editor.mask()
    hold(editor, "j")
    press_keys(editor, "Control+z")
    np.testing.assert_array_equal(editor.mask(), drawn)
    assert not editor.state()["cross"]["isDown"]
    press_keys(editor, "Control+z")
    assert not editor.mask().any()


def test_film_when_the_mouse_holds_a_stroke_then_no_key_moves_it_away(editor: Editor) -> None:
    editor.zoom_to(3.0, (150, 180))
    view = editor.state()["view"]
    editor.drag((140, 170), (150, 180), release=False)
    drawn, keys = editor.mask(), ("ArrowLeft", "PageUp", "Home")
    for key in keys:
        press_keys(editor, key)
        assert editor.state()["view"] == view, key
    editor.page.mouse.up()
    np.testing.assert_array_equal(editor.mask(), drawn)
    for key in keys:
        view = editor.state()["view"]
        press_keys(editor, key)
        assert editor.state()["view"] != view, key


@pytest.mark.parametrize("tool", ["b", pytest.param("f", marks=pytest.mark.slow)])
@pytest.mark.parametrize("verb", ["+", "3", "threshold"])
def test_verb_when_the_keys_hold_a_drawing_then_that_is_an_entry_of_its_own(
    editor: Editor, tool: str, verb: str
) -> None:
    press_keys(editor, "2")
    editor.wait("window.roundtruth.state().hasProbability")
    before = editor.mask()
    editor.page.mouse.move(*editor.on_screen(30, 30))
    hold(editor, tool)
    move_cross(editor, -20, 30)
    stroke = editor.state()["stroke"]
    if verb == "threshold":
        editor.page.get_by_role("slider", name="Threshold of").fill("30")
    else:
        press_keys(editor, verb)
    editor.wait(f"window.roundtruth.state().stroke === {stroke + 2}")
    assert not editor.state()["cross"]["isDown"]
    press_keys(editor, "Control+z")
    drawn = editor.mask()
    assert (drawn & ~before).any()
    press_keys(editor, "Control+z")
    np.testing.assert_array_equal(editor.mask(), before)


@pytest.mark.parametrize("holder", ["mouse", "keys"])
def test_lasso_when_the_refused_case_comes_back_then_it_ends_first_and_is_kept(
    editor: Editor, holder: str
) -> None:
    case, refused = accept_offline(editor)
    newer = editor.state()["current"]["assignment"]
    press_keys(editor, "f")
    if holder == "mouse":
        editor.drag(*LASSO, release=False)
    else:
        press_keys(editor, ".")
        cross = editor.state()["cross"]["at"]
        move_cross(editor, 200 - cross["x"], 200 - cross["y"])
        press_keys(editor, "Space")
        for right, down in ((50, 0), (0, 50), (-50, 0)):
            move_cross(editor, right, down)
        expect(editor.page.get_by_role("alert")).to_be_hidden()
    Assignment.objects.filter(id=case).update(state=Assignment.State.RELEASED)
    editor.page.context.set_offline(False)
    editor.wait("window.roundtruth.state().isBusy")
    assert editor.state()["current"]["assignment"] == newer
    if holder == "mouse":
        editor.page.mouse.up()
    else:
        expect(editor.page.get_by_role("alert")).to_contain_text(
            "A question is waiting. Press Space to end what the cross draws"
        )
        press_keys(editor, "Space")
    editor.wait(f"window.roundtruth.state().current?.assignment === '{case}'")
    np.testing.assert_array_equal(editor.mask(), refused)
    editor.page.get_by_role("button", name="Go to the next case").click()
    editor.wait(f"window.roundtruth.state().current?.assignment === '{newer}'")
    editor.wait_open()
    assert editor.mask()[INSIDE]
    assert read_draft(editor)[INSIDE]


def test_conflict_when_a_lasso_is_under_way_then_its_dialog_waits_for_the_end(
    editor: Editor, reading_room: ReadingRoom
) -> None:
    stale = reading_room.open(editor.page.context)
    stale.wait_open()
    editor.page.bring_to_front()
    editor.drag((80, 90), (140, 130))
    read_draft(editor)
    stale.page.bring_to_front()
    waiting = stale.hold_first("**/draft/**")
    stale.drag((30, 30), (60, 30))
    press_keys(stale, "f")
    stale.drag(*LASSO, release=False)
    stale.wait_until(lambda: waiting)
    with stale.page.expect_response(lambda answer: answer.request.method == "GET"):
        waiting[0].continue_()
    stale.wait_frames()
    dialog = stale.page.get_by_role("dialog", name="Two masks for one case")
    expect(dialog).to_be_hidden()
    stale.page.mouse.up()
    dialog.get_by_role("button", name="Take mine").click()
    expect(dialog).to_be_hidden()
    mine = read_draft(stale)
    assert mine[INSIDE]
    assert mine[30, 45]


def test_page_when_left_then_it_asks_while_a_drawing_is_begun_and_not_ended(editor: Editor) -> None:
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    def leave() -> list[str]:
        asked.clear()
        editor.page.reload()
        editor.wait_open()
        return list(asked)

    editor.page.on("dialog", agree)
    editor.drag((80, 90), (140, 130))
    assert leave() == []
    press_keys(editor, "p")
    editor.page.mouse.click(*editor.on_screen(200, 200))
    assert leave() == ["beforeunload"]
    press_keys(editor, "f")
    editor.drag(*LASSO, release=False)
    assert leave() == ["beforeunload"]
    editor.page.mouse.up()
    assert leave() == []
