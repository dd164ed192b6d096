"""Another day's film beside the case in Chromium: both painted, linked, and the hand stays true."""

from __future__ import annotations

import json

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from annotation import storage
from annotation.models import Image, Project, User
from mlloop.images import decode_image
from tests.annotation import factories
from tests.browser.conftest import SHAPE, Desk, ReadingRoom, drafted, drawn, shown, url_of
from tests.browser.test_blind import SECRETS

pytestmark = pytest.mark.browser

DAYS = (0, 3, 7, 12)
SHOWN = "window.roundtruth.state().comparison?.hasFilm"


@pytest.fixture
def other_days(project: Project) -> list[Image]:
    """Films of a patient on four days; a blind case is among those of day 7."""
    patient = factories.make_patient(project, "hospital-number-4711")
    made = [
        factories.make_image(project, patient=patient, day=day, shape=shape, bits=bits)
        for day, shape, bits in zip(
            DAYS, [SHAPE, (500, 700), SHAPE, SHAPE], [16, 8, 16, 16], strict=True
        )
    ]
    factories.make_reference(made[2], factories.disc(shape=SHAPE, at=(180, 150), radius=60))
    factories.make_proposals(
        factories.make_round(project, stage="stage_1"), made[2], kind="out_of_fold"
    )
    return made


@pytest.fixture
def blind(other_days: list[Image], reading_room: ReadingRoom, reader: User) -> Desk:
    desk = reading_room.open(reading_room.sign_in(reader))
    case = desk.wait_open()
    assert case["blind"]
    assert case["day"] == 7
    return desk


def beside(desk: Desk) -> dict:
    return desk.ask("window.roundtruth.beside()")


def chosen_day(desk: Desk) -> int:
    comparison = desk.state()["comparison"]
    return comparison["films"][comparison["chosen"]]["day"]


def center_grey(desk: Desk, selector: str, view: dict) -> tuple[int, tuple[int, int]]:
    """Return what a canvas shows for the film's pixel in its middle, and which (row, column)."""
    column, row = (
        int((view["screen"][side] / 2 - view[axis]) / view["zoom"])
        for side, axis in (("width", "x"), ("height", "y"))
    )
    x, y = (int(view[axis] + (at + 0.5) * view["zoom"]) for axis, at in (("x", column), ("y", row)))
    drawing = f"document.querySelector('{selector}').getContext('2d')"
    return desk.ask(f"{drawing}.getImageData({x}, {y}, 1, 1).data[0]"), (row, column)


def expect_painted(desk: Desk, selector: str, image: Image, view: dict, window: dict) -> None:
    """Assert that the middle of the canvas has the very pixel of the film, in its window."""
    desk.page.wait_for_timeout(150)  # a frame or two
    grey, at = center_grey(desk, selector, view)
    value = int(decode_image(storage.read(image.pixels_key)).pixels[at])
    low = window["center"] - window["width"] / 2
    wanted = np.clip((value - low) * 255 / window["width"], 0, 255)
    wanted = 255 - wanted if desk.state()["isInverted"] else wanted
    assert abs(grey - wanted) <= 1, (selector, at)


def expect_both_painted(desk: Desk, own: Image, other: Image) -> None:
    state = desk.state()
    expect_painted(desk, ".stage canvas", own, state["view"], state["window"])
    expect_painted(desk, ".compare canvas", other, beside(desk)["view"], beside(desk)["window"])


def painted_share(desk: Desk) -> float:
    """Return how much of the other pane has any film on it."""
    canvas = "document.querySelector('.compare canvas')"
    pixels = f"{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height).data"
    return desk.ask(f"{pixels}.filter((value, at) => at % 4 === 3 && value > 0).length") / desk.ask(
        f"{canvas}.width * {canvas}.height"
    )


def middle(desk: Desk, selector: str) -> tuple[float, float]:
    box = desk.page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def choice(desk: Desk) -> Locator:
    return desk.page.get_by_label("Film to compare with")


def compare(desk: Desk) -> None:
    desk.page.keyboard.press("y")
    desk.wait(SHOWN)


def test_comparison_when_opened_then_both_films_are_painted_and_follow_each_other(
    blind: Desk, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind)
    expect(choice(blind)).to_have_value("day 3 (4 days earlier), PA")
    expect(blind.page.locator(".compare .hud")).to_contain_text(
        "film 2 of 3 · fitted alike, not to scale"
    )
    fitted = beside(blind)["view"]["zoom"] / blind.ask("window.roundtruth.zoom()")
    blind.zoom_to(20, (150, 180))
    assert beside(blind)["view"]["zoom"] == pytest.approx(
        fitted * blind.ask("window.roundtruth.zoom()")
    )
    expect_both_painted(blind, own, other)
    blind.drag((150, 180), (155, 186), button="right")
    state = blind.state()
    assert state["window"]["width"] != 60000.0
    assert beside(blind)["window"]["width"] / 255 == pytest.approx(state["window"]["width"] / 60000)
    expect_both_painted(blind, own, other)
    blind.page.keyboard.press("i")
    expect_both_painted(blind, own, other)


def test_comparison_when_the_other_film_is_moved_then_the_case_moves_along(
    blind: Desk, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind)
    blind.zoom_to(20, (150, 180))
    mouse, before = blind.page.mouse, blind.state()["view"]
    x, y = middle(blind, ".compare")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y - 30, steps=4)
    mouse.up()
    moved = blind.state()["view"]
    assert moved["x"] - before["x"] == pytest.approx(40)
    assert moved["y"] - before["y"] == pytest.approx(-30)
    assert not blind.mask().any()
    expect_both_painted(blind, own, other)
    mouse.wheel(0, -100)
    blind.wait(f"window.roundtruth.zoom() > {moved['zoom']}")
    expect_both_painted(blind, own, other)
    mouse.down(button="right")
    mouse.move(x + 90, y - 60, steps=4)
    mouse.up(button="right")
    assert blind.state()["window"]["width"] > 60000.0
    expect_both_painted(blind, own, other)


def test_comparison_when_the_case_is_turned_then_the_other_film_turns_along_and_follows_the_hand(
    blind: Desk, other_days: list[Image]
) -> None:
    own, other = other_days[2], other_days[1]
    compare(blind)
    blind.page.keyboard.press("Shift+R")
    blind.page.keyboard.press("Shift+F")
    expect(blind.page.locator(".compare .hud")).to_contain_text("rotated 90°, mirrored")
    blind.zoom_to(20, (150, 180))
    expect_both_painted(blind, own, other)
    pane = blind.page.locator(".compare").bounding_box()
    assert pane is not None
    height, width = shown(blind, pane).shape
    inside = np.s_[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    turned = np.fliplr(np.rot90(drawn(blind, ".compare canvas"), -1))
    np.testing.assert_array_equal(shown(blind, pane)[inside], turned[inside])
    mouse, before = blind.page.mouse, blind.on_screen(150, 180)
    x, y = middle(blind, ".compare")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y - 30, steps=4)
    mouse.up()
    np.testing.assert_allclose(
        blind.on_screen(150, 180), (before[0] + 40, before[1] - 30), atol=0.01
    )
    expect_both_painted(blind, own, other)
    mouse.down(button="right")
    mouse.move(x + 90, y - 60, steps=4)
    mouse.up(button="right")
    assert blind.state()["window"]["width"] > 60000.0
    assert blind.state()["window"]["center"] > 32000.0


def test_drawing_when_comparing_then_it_lands_on_the_right_pixels(blind: Desk) -> None:
    stroke = ((100, 120), (180, 200))
    blind.drag(*stroke)
    alone = blind.mask()
    blind.page.keyboard.press("Control+z")
    whole = blind.page.locator(".stage").bounding_box()["width"]
    compare(blind)
    assert blind.page.locator(".stage").bounding_box()["width"] < 0.51 * whole
    blind.drag(*stroke)
    np.testing.assert_array_equal(blind.mask(), alone)
    blind.zoom_to(4, (140, 160))
    blind.drag((140, 160), (150, 165))
    drawn = blind.mask()
    assert drawn[160, 140]
    np.testing.assert_array_equal(drafted(blind), drawn)
    # Esc only cancels the stroke under way; with none, it puts the other film away.
    keyboard = blind.page.keyboard
    blind.drag((120, 200), (150, 200), release=False)
    keyboard.press("y")
    keyboard.press("Escape")
    blind.page.mouse.up()
    np.testing.assert_array_equal(blind.mask(), drawn)
    expect(blind.page.get_by_role("region", name="Other days")).to_be_visible()
    keyboard.press("Escape")
    expect(blind.page.get_by_role("region", name="Other days")).to_be_hidden()
    assert blind.page.locator(".stage").bounding_box()["width"] == whole
    compare(blind)
    blind.button("Close the other film").click()
    expect(blind.page.get_by_role("region", name="Other days")).to_be_hidden()


def test_days_when_chosen_then_by_key_in_their_order_or_from_the_list(blind: Desk) -> None:
    compare(blind)
    for day, words in ((12, "5 days later"), (0, "7 days earlier"), (3, "4 days earlier")):
        blind.page.keyboard.press("Shift+Y")
        blind.wait(SHOWN)
        assert chosen_day(blind) == day
        expect(choice(blind)).to_have_value(f"day {day} ({words}), PA")
    choice(blind).select_option("day 12 (5 days later), PA")
    blind.wait(SHOWN)
    assert chosen_day(blind) == 12
    # The keys are the room's again after the choice.
    blind.page.keyboard.press("e")
    assert blind.state()["tool"] == "eraser"


def test_blind_read_when_comparing_then_films_only_and_none_before_it_is_wanted(
    other_days: list[Image], reading_room: ReadingRoom, reader: User
) -> None:
    for image in other_days:
        if not image.references.exists():
            factories.make_reference(image)
    context = reading_room.sign_in(reader)
    answers: list[str] = []

    def note(response) -> None:
        if "/static/" not in response.url:
            text = response.text() if "json" in response.headers.get("content-type", "") else ""
            answers.append(f"{response.url} {json.dumps(response.headers)} {text}".lower())

    context.on("response", note)
    desk = reading_room.open(context)
    assert desk.wait_open()["blind"]
    desk.page.wait_for_timeout(500)
    ids = [str(image.id) for image in (*other_days[:2], other_days[3])]
    assert [text[:200] for text in answers if any(name in text for name in ids)] == []
    compare(desk)
    for _ in ids:
        desk.page.keyboard.press("Shift+Y")
        desk.wait(SHOWN)
    seen = [*answers, desk.page.content().lower()]
    assert all(any(name in text for text in answers) for name in ids)
    for secret in (*SECRETS, "4711", "covid"):
        assert [text[:200] for text in seen if secret in text] == []


def test_comparison_when_the_window_is_tall_then_the_films_are_stacked(blind: Desk) -> None:
    compare(blind)
    for width, height, is_tall in ((1280, 720, False), (1200, 1600, True)):
        blind.page.set_viewport_size({"width": width, "height": height})
        case, other = (blind.page.locator(part).bounding_box() for part in (".stage", ".compare"))
        assert (other["y"] > case["y"]) == is_tall
        assert (other["x"] > case["x"]) != is_tall
        assert other["width"] == pytest.approx(case["width"], abs=2)
        assert other["height"] == pytest.approx(case["height"], abs=2)


def test_comparison_when_the_next_case_has_none_then_put_away_and_its_films_are_gone(
    project: Project, reading_room: ReadingRoom, reader: User
) -> None:
    serving = factories.make_round(project, stage="stage_2")
    patient = factories.make_patient(project)
    first = factories.make_image(project, patient=patient, day=4, shape=SHAPE)
    earlier = factories.make_image(project, patient=patient, day=1, shape=SHAPE)
    alone = factories.make_image(project, shape=SHAPE)
    for image, disagreement in ((first, 0.9), (alone, 0.5)):
        factories.make_proposal(
            serving, image, network="ensemble", kind="ensemble", disagreement=disagreement
        )
    project.images.update(spacing_mm=0.15)
    desk = reading_room.open(reading_room.sign_in(reader))
    assert desk.wait_open()["image"]["id"] == str(first.id)
    compare(desk)
    words = desk.page.locator(".compare .hud")
    expect(words).to_contain_text("day 1 (3 days earlier), PA")
    expect(words).to_contain_text("same scale in mm")
    pixels = url_of(desk, f"/api/v1/images/{earlier.id}/pixels/")
    assert desk.page.request.get(pixels).status == 200
    desk.page.keyboard.press("1")
    desk.wait_saved()
    desk.page.keyboard.press("Enter")
    desk.wait(f"window.roundtruth.state().current?.image.id === '{alone.id}'")
    desk.wait_open()
    expect(desk.page.get_by_role("region", name="Other days")).to_be_hidden()
    expect(desk.button("Compare with other days")).to_be_disabled()
    assert desk.ask("window.roundtruth.beside()") is None
    assert desk.state()["isComparing"]
    assert desk.page.request.get(pixels).status == 404


def test_comparison_when_the_next_patient_comes_then_the_film_of_the_last_one_is_gone(
    project: Project, reading_room: ReadingRoom, reader: User
) -> None:
    serving = factories.make_round(project, stage="stage_2")
    for disagreement in (0.9, 0.5):
        patient = factories.make_patient(project)
        factories.make_image(project, patient=patient, day=1, shape=SHAPE)
        image = factories.make_image(project, patient=patient, day=4, shape=SHAPE)
        factories.make_proposal(
            serving, image, network="ensemble", kind="ensemble", disagreement=disagreement
        )
    desk = reading_room.open(reading_room.sign_in(reader))
    desk.wait_open()
    compare(desk)
    assert painted_share(desk) > 0.2
    desk.page.route("**/comparisons/**", lambda route: route.abort())
    now = desk.state()["current"]["assignment"]
    desk.page.keyboard.press("1")
    desk.wait_saved()
    desk.page.keyboard.press("Enter")
    desk.wait(f"window.roundtruth.state().current?.assignment !== '{now}'")
    problem = desk.page.locator(".compare").get_by_role("alert")
    expect(problem).to_contain_text("The other films could not be listed.")
    assert painted_share(desk) == 0
    desk.page.unroute("**/comparisons/**")
    desk.button("Try again").click()
    desk.wait(SHOWN)
    desk.page.wait_for_timeout(150)
    assert painted_share(desk) > 0.2


def test_comparison_when_the_film_does_not_come_then_it_is_said_and_tried_again(
    blind: Desk, other_days: list[Image]
) -> None:
    pixels = f"**/images/{other_days[1].id}/pixels/"
    blind.page.route(pixels, lambda route: route.abort())
    blind.page.keyboard.press("y")
    problem = blind.page.locator(".compare").get_by_role("alert")
    expect(problem).to_contain_text("The film could not be loaded. The server does not answer.")
    blind.page.unroute(pixels)
    blind.button("Try again").click()
    blind.wait(SHOWN)
    expect(problem).to_be_hidden()
