"""Which film hangs beside the case in Chromium: chosen by day, fetched when wanted, then gone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from annotation.models import Image, Project, User
from tests.browser.blind import SECRETS, Answers, expect_none
from tests.browser.compare.comparing import SHOWN, choice, compare
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import SHAPE, Editor, absolute_url
from tests.support import factories

pytestmark = pytest.mark.browser


def chosen_day(editor: Editor) -> int:
    comparison = editor.state()["comparison"]
    return comparison["films"][comparison["chosen"]]["day"]


def painted_share(editor: Editor) -> float:
    """Return how much of the other pane has any film on it."""
    editor.wait_frames()
    canvas = "document.querySelector('.compare canvas')"
    pixels = f"{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height).data"
    return editor.ask(
        f"{pixels}.filter((value, at) => at % 4 === 3 && value > 0).length"
    ) / editor.ask(f"{canvas}.width * {canvas}.height")


def test_days_when_chosen_then_by_key_in_their_order_or_from_the_list(blind_editor: Editor) -> None:
    compare(blind_editor)
    for day, words in ((12, "5 days later"), (0, "7 days earlier"), (3, "4 days earlier")):
        blind_editor.page.keyboard.press("Shift+Y")
        blind_editor.wait(SHOWN)
        assert chosen_day(blind_editor) == day
        expect(choice(blind_editor)).to_have_value(f"day {day} ({words}), PA")
    choice(blind_editor).select_option("day 12 (5 days later), PA")
    blind_editor.wait(SHOWN)
    assert chosen_day(blind_editor) == 12
    # The keys are the room's again after the choice.
    blind_editor.page.keyboard.press("e")
    assert blind_editor.state()["tool"] == "eraser"


def test_blind_read_when_comparing_then_films_only_and_none_before_it_is_wanted(
    other_days: list[Image], reading_room: ReadingRoom, reader: User
) -> None:
    for image in other_days:
        if not image.references.exists():
            factories.make_reference(image)
    context = reading_room.sign_in(reader)
    answers = Answers(context)
    editor = reading_room.open(context)
    assert editor.wait_open()["blind"]
    editor.page.wait_for_timeout(500)  # a film that nobody wants yet could come
    ids = [str(image.id) for image in (*other_days[:2], other_days[3])]
    expect_none(ids, answers.texts())
    compare(editor)
    for _ in ids:
        editor.page.keyboard.press("Shift+Y")
        editor.wait(SHOWN)
    assert all(answers.asked(f"/images/{name}/pixels/") for name in ids)
    expect_none((*SECRETS, "4711", "covid"), [*answers.texts(), editor.page.content().lower()])


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
    editor = reading_room.open(reading_room.sign_in(reader))
    case = editor.wait_open()
    assert case["image"]["id"] == str(first.id)
    compare(editor)
    words = editor.page.locator(".compare .hud")
    expect(words).to_contain_text("day 1 (3 days earlier), PA")
    expect(words).to_contain_text("same scale in mm")
    pixels = absolute_url(editor, f"/api/v1/images/{earlier.id}/pixels/")
    assert editor.page.request.get(pixels).status == 200
    editor.page.keyboard.press("1")
    editor.wait_saved()
    editor.page.keyboard.press("Enter")
    editor.wait_submitted(case["assignment"])
    assert editor.wait_open()["image"]["id"] == str(alone.id)
    expect(editor.page.get_by_role("region", name="Other days")).to_be_hidden()
    expect(editor.button("Compare with other days")).to_be_disabled()
    assert editor.ask("window.roundtruth.beside()") is None
    assert editor.state()["isComparing"]
    assert editor.page.request.get(pixels).status == 404


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
    editor = reading_room.open(reading_room.sign_in(reader))
    editor.wait_open()
    compare(editor)
    assert painted_share(editor) > 0.2
    editor.page.route("**/comparisons/**", lambda route: route.abort())
    now = editor.state()["current"]["assignment"]
    editor.page.keyboard.press("1")
    editor.wait_saved()
    editor.page.keyboard.press("Enter")
    editor.wait(f"window.roundtruth.state().current?.assignment !== '{now}'")
    problem = editor.page.locator(".compare").get_by_role("alert")
    expect(problem).to_contain_text("The other films could not be listed.")
    assert painted_share(editor) == 0
    editor.page.unroute("**/comparisons/**")
    editor.button("Try again").click()
    editor.wait(SHOWN)
    assert painted_share(editor) > 0.2


def test_comparison_when_the_film_does_not_come_then_it_is_said_and_tried_again(
    blind_editor: Editor, other_days: list[Image]
) -> None:
    pixels = f"**/images/{other_days[1].id}/pixels/"
    blind_editor.page.route(pixels, lambda route: route.abort())
    blind_editor.page.keyboard.press("y")
    problem = blind_editor.page.locator(".compare").get_by_role("alert")
    expect(problem).to_contain_text("The film could not be loaded. The server does not answer.")
    blind_editor.page.unroute(pixels)
    blind_editor.button("Try again").click()
    blind_editor.wait(SHOWN)
    expect(problem).to_be_hidden()
