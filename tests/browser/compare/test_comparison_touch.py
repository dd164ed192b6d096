"""Fingers on another day's film in Chromium: two zoom both films, one moves them by the switch."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import CDPSession, expect

from annotation.models import Project, User
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import SHAPE, Editor
from tests.support import factories

pytestmark = pytest.mark.browser

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fingers:
    """Fingers at points of the page, on the film of another day."""

    editor: Editor
    session: CDPSession

    def send(self, kind: str, *points: Point) -> None:
        rows = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": rows})
        self.editor.wait_frames()  # the browser hands moves on with its frames

    def drag(self, start: Point, end: Point) -> None:
        (x0, y0), (x1, y1) = start, end
        self.send("touchStart", start)
        self.send("touchMove", ((x0 + x1) / 2, (y0 + y1) / 2))
        self.send("touchMove", end)
        self.send("touchEnd")

    def films(self) -> tuple[dict, dict]:
        """Return where the case's film and the other one lie."""
        return self.editor.state()["view"], self.editor.ask("window.roundtruth.beside().view")

    def seen_at(self, at: Point) -> Point:
        """Return the point of the other film at a point of the page."""
        box = self.editor.page.get_by_label("Film of another day").bounding_box()
        assert box
        view = self.films()[1]
        x, y = at[0] - box["x"], at[1] - box["y"]
        return (x - view["x"]) / view["zoom"], (y - view["y"]) / view["zoom"]

    def middle(self) -> Point:
        box = self.editor.page.get_by_label("Film of another day").bounding_box()
        assert box
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.fixture
def fingers(project: Project, reading_room: ReadingRoom, reader: User) -> Fingers:
    patient = factories.make_patient(project, "two-days")
    serving = factories.make_round(project, stage="stage_2")
    for day, shape in ((0, (500, 700)), (4, SHAPE)):
        image = factories.make_image(project, patient=patient, day=day, shape=shape)
        factories.make_proposals(serving, image)
    editor = reading_room.open(reading_room.sign_in(reader))
    editor.wait_open()
    editor.page.keyboard.press("y")
    editor.wait("window.roundtruth.state().comparison?.hasFilm")
    return Fingers(editor, editor.page.context.new_cdp_session(editor.page))


def test_two_fingers_when_spread_on_the_other_film_then_both_grow_and_it_stays_under_them(
    fingers: Fingers,
) -> None:
    own, other = fingers.films()
    x, y = fingers.middle()
    x += 30  # off the middle, where a film would stay of itself
    before = fingers.seen_at((x, y))
    fingers.send("touchStart", (x - 50, y))
    fingers.send("touchStart", (x - 50, y), (x + 50, y))
    for step in range(1, 6):
        fingers.send("touchMove", (x - 50 - 10 * step, y), (x + 50 + 10 * step, y))
    fingers.send("touchMove", (x - 80, y + 40), (x + 120, y + 40))
    grown = fingers.films()
    assert grown[0]["zoom"] == pytest.approx(2 * own["zoom"], rel=0.02)
    assert grown[1]["zoom"] == pytest.approx(2 * other["zoom"], rel=0.02)
    assert fingers.seen_at((x + 20, y + 40)) == pytest.approx(before, abs=3)
    fingers.send("touchEnd", (x - 80, y + 40))
    fingers.send("touchMove", (x - 200, y + 90))  # the finger that is left moves nothing
    fingers.send("touchEnd")
    assert fingers.films() == grown
    assert fingers.editor.state()["stroke"] == 0


def test_one_finger_on_the_other_film_when_it_is_set_to_move_then_both_films_follow(
    fingers: Fingers,
) -> None:
    own, other = fingers.films()
    x, y = fingers.middle()
    fingers.drag((x, y), (x + 40, y + 20))
    assert fingers.films() == (own, other)  # a finger that draws has nothing to draw on here
    switch = fingers.editor.page.get_by_role("switch", name="One finger moves the film")
    switch.check()
    expect(switch).to_be_checked()
    fingers.drag((x, y), (x + 40, y + 20))
    for now, before in zip(fingers.films(), (own, other), strict=True):
        assert now["zoom"] == before["zoom"]
        assert now["x"] == pytest.approx(before["x"] + 40, abs=1)
        assert now["y"] == pytest.approx(before["y"] + 20, abs=1)


def test_palm_on_the_other_film_when_a_pen_works_on_the_case_then_nothing_moves(
    fingers: Fingers,
) -> None:
    editor = fingers.editor
    editor.page.get_by_role("switch", name="One finger moves the film").check()
    before = fingers.films()
    (px, py), (x, y) = editor.on_screen(60, 60), fingers.middle()
    pen = {"x": px, "y": py, "pointerType": "pen", "force": 0}
    fingers.session.send("Input.dispatchMouseEvent", {"type": "mouseMoved", **pen})
    fingers.drag((x, y), (x + 40, y + 20))
    assert fingers.films() == before
