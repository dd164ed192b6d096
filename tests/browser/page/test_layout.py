"""The room on small, tall and zoomed screens in Chromium: the film is free, all else in reach."""

from __future__ import annotations

import uuid
from itertools import combinations

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Project, User
from annotation.selectors.labels import label_of
from annotation.services.reading import next_case, submission
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import Editor
from tests.browser.page.axe import violations
from tests.support import factories

pytestmark = pytest.mark.browser

# Width and height in CSS pixels, device pixels in each, and the least share of it that is film.
SCREENS = {
    "laptop": (1280, 720, 1, 0.55),
    "3 megapixels, portrait": (1536, 2048, 1, 0.65),
    "laptop at 200 %": (640, 360, 2, 0.45),
    "narrow window": (480, 900, 1, 0.3),
    "monitor at 400 %": (320, 256, 4, 0.2),
}
SMALLEST = "monitor at 400 %"
on_each_screen = pytest.mark.parametrize(
    "screen",
    [
        pytest.param(screen, marks=[] if screen in ("laptop", SMALLEST) else pytest.mark.slow)
        for screen in SCREENS
    ],
)
AREAS = ["header.top", ".tools", ".stage", ".side", ".verdicts"]

# What a pointer would meet on a grid over the middle of the film.
OVER_FILM = """() => {
  const { left, top, width, height } = document.querySelector(".stage").getBoundingClientRect();
  const met = new Set();
  for (let i = 1; i < 8; i++)
    for (let j = 2; j < 7; j++) {
      const found = document.elementFromPoint(left + width * i / 8, top + height * j / 8);
      met.add(found?.getAttribute("aria-label") ?? found?.outerHTML);
    }
  return [...met];
}"""

# Every control that is not met in its middle once it was scrolled to as a person can scroll.
OUT_OF_REACH = """root => {
  const lost = [];
  for (const one of document.querySelector(root).querySelectorAll("a, button, input, select")) {
    if (!one.checkVisibility({ visibilityProperty: true })) continue;
    one.scrollIntoView({ block: "nearest", inline: "nearest" });
    const { left, top, width, height } = one.getBoundingClientRect();
    const met = document.elementFromPoint(left + width / 2, top + height / 2);
    let isPushed = false;
    for (let box = one.parentElement; box; box = box.parentElement)
      if (getComputedStyle(box).overflow === "hidden" && (box.scrollTop || box.scrollLeft))
        isPushed = true;
    if (isPushed || !(one.contains(met) || met?.contains(one)))
      lost.push(one.getAttribute("aria-label") ?? one.textContent);
  }
  return lost;
}"""


def open_on(reading_room: ReadingRoom, reader: User, screen: str) -> Editor:
    width, height, ratio, _ = SCREENS[screen]
    context = reading_room.sign_in(
        reader, viewport={"width": width, "height": height}, device_scale_factor=ratio
    )
    editor = reading_room.open(context)
    editor.wait_open()
    editor.page.keyboard.press("1")
    editor.wait("window.roundtruth.state().hasProbability")
    return editor


def box_of(page: Page, selector: str) -> tuple[float, float, float, float]:
    box = page.locator(selector).bounding_box()
    assert box
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def overlap(page: Page, one: str, other: str) -> bool:
    a, b = box_of(page, one), box_of(page, other)
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.5 and min(a[3], b[3]) - max(a[1], b[1]) > 0.5


@on_each_screen
def test_room_when_on_a_screen_then_the_film_is_free_and_all_else_in_reach(
    open_reads: None, reading_room: ReadingRoom, reader: User, screen: str
) -> None:
    width, height, _, share = SCREENS[screen]
    editor = open_on(reading_room, reader, screen)
    page = editor.page
    assert [pair for pair in combinations(AREAS, 2) if overlap(page, *pair)] == []
    left, top, right, bottom = box_of(page, ".stage")
    assert (right - left) * (bottom - top) / (width * height) > share
    assert page.evaluate(OVER_FILM) == ["Mask editor"]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    before = editor.mask()
    editor.drag((20, 20), (60, 40))
    assert editor.mask()[20, 20]
    assert not before[20, 20]
    for key in "madl":
        page.keyboard.press(key)
    assert page.evaluate(OUT_OF_REACH, "#reading-room") == []
    assert violations(page) == []


@pytest.fixture
def much_to_say(reading_room: ReadingRoom, project: Project, reader: User) -> None:
    """A guideline longer than any screen, and ten cases that the reader submitted."""
    project.guideline = "Mark consolidation. Leave pleural effusion out.\n" * 60
    project.save()
    for seed in range(10):
        factories.make_image(project, seed=seed)
        case = next_case.lease_next_case(project=project, reader=reader)
        assert case is not None
        submission.submit_annotation(
            assignment=case,
            reader=reader,
            client_id=uuid.uuid4(),
            label=label_of(project, "infection"),
            decision="no_infection",
            draft_etag=None,
        )


@on_each_screen
def test_dialogs_when_open_on_a_screen_then_their_buttons_are_in_reach(
    much_to_say: None, open_reads: None, reading_room: ReadingRoom, reader: User, screen: str
) -> None:
    width, height, *_ = SCREENS[screen]
    page = open_on(reading_room, reader, screen).page
    for key in ("?", "x", "n", "0", "Shift+G", "Backspace"):
        page.keyboard.press(key)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        left, top, right, bottom = box_of(page, "dialog[open]")
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert page.evaluate("() => document.querySelector('dialog[open]').scrollTop") == 0
        assert page.evaluate(OUT_OF_REACH, "dialog[open]") == []
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
  const { animationName, transitionDuration } = getComputedStyle(one);
  return animationName !== "none" || transitionDuration.split(", ").some((time) => time !== "0s");
}).length"""


def test_motion_when_it_is_to_be_reduced_then_nothing_moves_by_itself(editor: Editor) -> None:
    assert editor.ask(f"({MOVING})()") != 0
    editor.page.emulate_media(reduced_motion="reduce")
    assert editor.ask(f"({MOVING})()") == 0


def test_colours_when_forced_then_what_is_pressed_is_still_told_apart(editor: Editor) -> None:
    editor.page.emulate_media(forced_colors="active")
    outline = "element => getComputedStyle(element).outlineStyle"
    assert editor.button("Brush").evaluate(outline) == "solid"
    assert editor.button("Eraser").evaluate(outline) == "none"
    editor.page.keyboard.press("m")
    assert editor.button("Infection map").evaluate(outline) == "solid"
    assert editor.button("Lung outline").evaluate(outline) == "none"
