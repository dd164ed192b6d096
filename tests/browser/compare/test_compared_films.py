"""Which film hangs beside the case in Chromium: chosen by day, fetched when wanted, then gone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from annotation.models import Image, Project, User
from tests.browser.blind import SECRETS, Answers, expect_none
from tests.browser.compare.comparing import SHOWN, choice, compare
from tests.browser.conftest import ReadingRoom
from tests.browser.desk import SHAPE, Desk, url_of
from tests.support import factories

pytestmark = pytest.mark.browser


def chosen_day(desk: Desk) -> int:
    comparison = desk.state()["comparison"]
    return comparison["films"][comparison["chosen"]]["day"]


def painted_share(desk: Desk) -> float:
    """Return how much of the other pane has any film on it."""
    desk.frames()
    canvas = "document.querySelector('.compare canvas')"
    pixels = f"{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height).data"
    return desk.ask(f"{pixels}.filter((value, at) => at % 4 === 3 && value > 0).length") / desk.ask(
        f"{canvas}.width * {canvas}.height"
    )


def test_days_when_chosen_then_by_key_in_their_order_or_from_the_list(blind_desk: Desk) -> None:
    compare(blind_desk)
    for day, words in ((12, "5 days later"), (0, "7 days earlier"), (3, "4 days earlier")):
        blind_desk.page.keyboard.press("Shift+Y")
        blind_desk.wait(SHOWN)
        assert chosen_day(blind_desk) == day
        expect(choice(blind_desk)).to_have_value(f"day {day} ({words}), PA")
    choice(blind_desk).select_option("day 12 (5 days later), PA")
    blind_desk.wait(SHOWN)
    assert chosen_day(blind_desk) == 12
    # The keys are the room's again after the choice.
    blind_desk.page.keyboard.press("e")
    assert blind_desk.state()["tool"] == "eraser"


def test_blind_read_when_comparing_then_films_only_and_none_before_it_is_wanted(
    other_days: list[Image], reading_room: ReadingRoom, reader: User
) -> None:
    for image in other_days:
        if not image.references.exists():
            factories.make_reference(image)
    context = reading_room.sign_in(reader)
    answers = Answers(context)
    desk = reading_room.open(context)
    assert desk.wait_open()["blind"]
    desk.page.wait_for_timeout(500)  # a film that nobody wants yet could come
    ids = [str(image.id) for image in (*other_days[:2], other_days[3])]
    expect_none(ids, answers.texts())
    compare(desk)
    for _ in ids:
        desk.page.keyboard.press("Shift+Y")
        desk.wait(SHOWN)
    assert all(answers.asked(f"/images/{name}/pixels/") for name in ids)
    expect_none((*SECRETS, "4711", "covid"), [*answers.texts(), desk.page.content().lower()])


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
    case = desk.wait_open()
    assert case["image"]["id"] == str(first.id)
    compare(desk)
    words = desk.page.locator(".compare .hud")
    expect(words).to_contain_text("day 1 (3 days earlier), PA")
    expect(words).to_contain_text("same scale in mm")
    pixels = url_of(desk, f"/api/v1/images/{earlier.id}/pixels/")
    assert desk.page.request.get(pixels).status == 200
    desk.page.keyboard.press("1")
    desk.wait_saved()
    desk.page.keyboard.press("Enter")
    desk.wait_taken(case["assignment"])
    assert desk.wait_open()["image"]["id"] == str(alone.id)
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
    assert painted_share(desk) > 0.2


def test_comparison_when_the_film_does_not_come_then_it_is_said_and_tried_again(
    blind_desk: Desk, other_days: list[Image]
) -> None:
    pixels = f"**/images/{other_days[1].id}/pixels/"
    blind_desk.page.route(pixels, lambda route: route.abort())
    blind_desk.page.keyboard.press("y")
    problem = blind_desk.page.locator(".compare").get_by_role("alert")
    expect(problem).to_contain_text("The film could not be loaded. The server does not answer.")
    blind_desk.page.unroute(pixels)
    blind_desk.button("Try again").click()
    blind_desk.wait(SHOWN)
    expect(problem).to_be_hidden()
