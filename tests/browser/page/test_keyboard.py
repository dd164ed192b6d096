"""A read without a pointer in Chromium: everything but drawing, by Tab, arrows, Enter and Space."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from annotation.models import Annotation
from tests.browser.editor import Editor, read_annotation

pytestmark = pytest.mark.browser

FOCUSED = """() => {
  const { activeElement: focused } = document;
  return focused.getAttribute("aria-label") ?? focused.textContent;
}"""


def focused(editor: Editor) -> str:
    return editor.page.evaluate(FOCUSED)


def tab_to(editor: Editor, target: Locator) -> None:
    """Press Tab until the target has the focus, and see that it shows it."""
    for _ in range(60):
        editor.page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    expect(target).to_be_focused()
    assert target.evaluate(
        "element => element.matches(':focus-visible') && getComputedStyle(element).outlineStyle"
    ) not in (False, "none")


def test_tab_when_pressed_then_it_goes_through_the_room_in_the_order_of_its_parts(
    editor: Editor,
) -> None:
    editor.page.keyboard.press("1")
    editor.wait("window.roundtruth.state().hasProbability")
    seen = []
    for _ in range(60):
        editor.page.keyboard.press("Tab")
        seen.append(focused(editor))
        if seen[-1] == "Accept and next (Enter)":
            break
    wanted = [
        "Roundtruth",
        "Keys (?)",
        "Hand",  # the toolbar is one stop
        "Mask editor",
        "Candidate A: Ensemble mean (1)",
        "Copy a region of candidate A",
        "Candidate B: U-Net resnet18 (2)",
        "Candidate C: U-Net++ resnet18 (3)",
        "Infection map",
        "Mask shown as fill and outline",
        "Mask opacity",
        "Exclude",
        "Note",
        "No infection (0)",
        "Accept and next (Enter)",
    ]
    at = [seen.index(name) for name in wanted]
    assert at == sorted(at)
    assert seen.index("Mask editor") == seen.index("Hand") + 1


def test_toolbar_when_arrows_are_pressed_then_the_focus_moves_and_the_film_stays(
    editor: Editor,
) -> None:
    keyboard = editor.page.keyboard
    before = editor.state()["view"]
    tab_to(editor, editor.button("Hand"))
    keyboard.press("ArrowRight")
    keyboard.press("ArrowDown")
    expect(editor.button("Brush")).to_be_focused()
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    assert editor.state()["tool"] == "eraser"
    keyboard.press("Home")
    keyboard.press("Space")
    assert editor.state()["tool"] == "pan"
    keyboard.press("ArrowLeft")
    expect(editor.button("Hand")).not_to_be_focused()
    keyboard.press("Tab")
    expect(editor.page.get_by_label("Mask editor")).to_be_focused()
    keyboard.press("Shift+Tab")
    assert focused(editor) == "Mask look"  # the last one that can be used has kept the place
    assert editor.state()["view"] == before


def test_film_when_arrows_and_page_keys_are_pressed_then_it_moves_and_grows(editor: Editor) -> None:
    keyboard = editor.page.keyboard
    for way in ("nothing", "canvas"):
        if way == "canvas":
            tab_to(editor, editor.page.get_by_label("Mask editor"))
        keyboard.press("Home")
        fitted = editor.state()["view"]
        keyboard.press("PageUp")
        grown = editor.state()["view"]
        assert grown["zoom"] == pytest.approx(1.25 * fitted["zoom"])
        assert editor.on_screen(150, 180) == pytest.approx(middle(editor), abs=1)
        keyboard.press("ArrowRight")
        keyboard.press("ArrowDown")
        moved = editor.state()["view"]
        assert moved["x"] == pytest.approx(grown["x"] - 60)
        assert moved["y"] == pytest.approx(grown["y"] - 60)
        keyboard.press("ArrowLeft")
        keyboard.press("ArrowUp")
        keyboard.press("PageDown")
        back = editor.state()["view"]
        assert back["zoom"] == pytest.approx(fitted["zoom"])
        assert back["x"] == pytest.approx(fitted["x"], abs=1)


def middle(editor: Editor) -> tuple[float, float]:
    box = editor.page.get_by_label("Mask editor").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_sliders_when_moved_by_arrows_then_they_keep_the_focus_and_the_film_stays(
    editor: Editor,
) -> None:
    keyboard = editor.page.keyboard
    keyboard.press("1")
    editor.wait("window.roundtruth.state().hasProbability")
    before, picked = editor.state(), editor.mask()
    threshold = editor.page.get_by_role("slider", name="Threshold of Ensemble mean")
    tab_to(editor, threshold)
    for _ in range(40):
        keyboard.press("ArrowRight")
    expect(threshold).to_be_focused()
    assert editor.state()["threshold"] == before["threshold"] + 40
    assert editor.mask().sum() < picked.sum()
    opacity = editor.page.get_by_role("slider", name="Mask opacity")
    tab_to(editor, opacity)
    keyboard.press("End")
    keyboard.press("ArrowLeft")
    expect(opacity).to_be_focused()
    assert editor.state()["opacity"] == pytest.approx(0.75)
    assert editor.state()["view"] == before["view"]
    keyboard.press("Control+z")
    assert editor.state()["threshold"] == before["threshold"] + 39


def test_layers_and_switches_when_pressed_by_space_then_they_change_and_keep_the_focus(
    editor: Editor,
) -> None:
    keyboard = editor.page.keyboard
    for name, layer in (("Infection map", "infection"), ("Lung outline", "lung")):
        button = editor.button(name)
        tab_to(editor, button)
        keyboard.press("Space")
        expect(button).to_be_focused()
        expect(button).to_have_attribute("aria-pressed", "true")
        assert editor.state()["layers"][layer]
    switch = editor.page.get_by_role("switch", name="One finger moves the film")
    tab_to(editor, switch)
    keyboard.press("Space")
    expect(switch).to_be_checked()
    expect(switch).to_be_focused()
    assert editor.state()["fingerPans"]
    keyboard.press("e")
    assert editor.state()["tool"] == "eraser"


def bind_keys_to_film(editor: Editor) -> Locator:
    """Switch it on by keys, and return the switch, which has the focus."""
    switch = editor.page.get_by_role("switch", name="Letter, digit and sign keys only on the film")
    tab_to(editor, switch)
    editor.page.keyboard.press("Space")
    expect(switch).to_be_checked()
    return switch


def test_keys_when_bound_to_the_film_then_a_character_elsewhere_does_nothing(
    editor: Editor,
) -> None:
    keyboard, page = editor.page.keyboard, editor.page
    film, dialogs = page.get_by_label("Mask editor"), page.get_by_role("dialog")
    switch = bind_keys_to_film(editor)
    editor.button("Eraser").focus()
    before = editor.state()
    parts = ("tool", "basis", "cross", "stroke", "isBusy", "current")
    for place in ("a button", "nothing"):
        if place == "nothing":
            page.evaluate("() => document.activeElement.blur()")
        for key in ("e", "1", "x", "?", "0", ".", "Shift+G", "Shift+L", "+"):
            keyboard.press(key)
        editor.wait_frames()
        now = editor.state()
        assert [now[part] for part in parts] == [before[part] for part in parts]
        expect(dialogs).to_have_count(0)
        assert not editor.mask().any()
    film.focus()
    keyboard.press("e")
    assert editor.state()["tool"] == "eraser"
    keyboard.press("x")
    expect(page.get_by_role("dialog", name="Exclude this case")).to_be_visible()
    keyboard.press("Escape")
    switch.focus()
    keyboard.press("Space")  # what presses a control stays with it
    expect(switch).not_to_be_checked()
    keyboard.press("b")
    assert editor.state()["tool"] == "brush"


def test_keys_when_bound_to_the_film_then_those_that_are_no_character_act_everywhere(
    editor: Editor,
) -> None:
    keyboard = editor.page.keyboard
    editor.drag((80, 90), (140, 130))
    bind_keys_to_film(editor)
    editor.page.evaluate("() => document.activeElement.blur()")
    keyboard.press("Control+z")
    editor.wait("window.roundtruth.mask.count() === 0")
    zoom = editor.ask("window.roundtruth.zoom()")
    keyboard.press("PageUp")
    assert editor.ask("window.roundtruth.zoom()") > zoom


def test_keys_when_bound_to_the_film_then_so_after_a_reload_and_a_press_on_it_frees_them(
    editor: Editor,
) -> None:
    bind_keys_to_film(editor)
    editor.page.reload()
    editor.wait_open()
    editor.page.keyboard.press("e")
    assert editor.state()["tool"] == "brush"
    editor.drag((80, 90), (140, 130))
    editor.page.keyboard.press("e")
    assert editor.state()["tool"] == "eraser"


def test_case_when_read_by_tab_and_enter_only_then_it_is_submitted(editor: Editor) -> None:
    keyboard = editor.page.keyboard
    case = editor.state()["current"]
    second = editor.button("Candidate B: U-Net resnet18 (2)")
    tab_to(editor, second)
    assert editor.state()["peek"] == case["candidates"][1]["id"]
    keyboard.press("Enter")
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(second).to_have_accessible_description("picked")
    picked = editor.mask()
    assert picked.any()
    tab_to(editor, editor.button("Accept and next (Enter)"))
    keyboard.press("Enter")
    editor.wait_submitted(case["assignment"])
    annotation, mask = read_annotation(case["assignment"])
    assert annotation.verdict == "picked"
    np.testing.assert_array_equal(mask, picked)


DIALOGS = {  # the button that opens a dialog: the dialog's name, and where the focus is first
    "Keys (?)": ("Keys", "Close"),
    "Exclude": ("Exclude this case", None),
    "Note": ("Note on this case", "Note"),
    "No infection (0)": ("Mark as no infection?", "Cancel"),
}


def test_dialog_when_open_then_it_holds_the_focus_and_gives_it_back(editor: Editor) -> None:
    editor.drag((80, 90), (140, 130))
    case = editor.state()["current"]["assignment"]
    keyboard = editor.page.keyboard
    for opener, (name, first) in DIALOGS.items():
        button = editor.button(opener)
        tab_to(editor, button)
        keyboard.press("Enter")
        dialog = editor.page.get_by_role("dialog", name=name)
        expect(dialog).to_be_visible()
        if first:
            assert focused(editor) == first
        for _ in range(12):
            keyboard.press("Tab")
            # Where the browser's own bar would come, the page has no focus: its body stands for it.
            assert editor.page.evaluate(
                "() => document.activeElement === document.body"
                " || document.activeElement.closest('dialog') !== null"
            )
        keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(button).to_be_focused()
        assert editor.state()["current"]["assignment"] == case


def test_exclusion_when_chosen_by_arrows_then_the_case_is_excluded(editor: Editor) -> None:
    case = editor.state()["current"]["assignment"]
    keyboard = editor.page.keyboard
    keyboard.press("x")
    expect(editor.page.get_by_role("dialog", name="Exclude this case")).to_be_visible()
    keyboard.press("Space")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    editor.wait_submitted(case)
    annotation = Annotation.objects.get(assignment_id=case)
    assert annotation.verdict == "excluded"
    assert annotation.exclusion_reason
