"""Fingers and pen in Chromium: what each leaves in the mask, and where it puts the film."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.conftest import ReadingRoom
from tests.browser.editor import Editor

pytestmark = pytest.mark.browser

Point = tuple[float, float]
ONE_FINGER = "One finger moves the film"
PRESSURE = "Pen pressure sets the size"


@dataclass(slots=True)
class Hands:
    """Fingers and a pen on image points, as the browser's own input gets them.

    Their events carry times of their own, 10 ms apart, however long each takes to arrive.
    """

    editor: Editor
    session: CDPSession
    now: float = field(default_factory=time.time)

    def send(self, kind: str, event: dict) -> None:
        self.now += 0.01
        self.session.send(f"Input.dispatch{kind}Event", {**event, "timestamp": self.now})

    def touch(self, kind: str, *points: Point, size: float = 10.0) -> None:
        on_screen = [self.editor.on_screen(*point) for point in points]
        rows = [
            {"x": x, "y": y, "id": number, "radiusX": size, "radiusY": size}
            for number, (x, y) in enumerate(on_screen)
        ]
        self.send("Touch", {"type": kind, "touchPoints": rows})

    def drag(self, *points: Point, size: float = 10.0) -> None:
        self.touch("touchStart", points[0], size=size)
        # Each place is told on the screen as it is now: a film that follows the finger moves.
        for point in points[1:]:
            self.touch("touchMove", point, size=size)
        self.touch("touchEnd")

    def pen(self, kind: str, at: Point, *, force: float = 0.0) -> None:
        x, y = self.editor.on_screen(*at)
        button = {"button": "left", "buttons": 1, "clickCount": 1} if force else {}
        pen = {"type": kind, "x": x, "y": y, "pointerType": "pen", "force": force}
        self.send("Mouse", {**pen, **button})

    def stroke(self, *samples: tuple[Point, float]) -> None:
        """Draw with the pen through points, each with the force there."""
        (first, force), *rest = samples
        self.pen("mousePressed", first, force=force)
        for at, force in rest:
            self.pen("mouseMoved", at, force=force)
        x, y = self.editor.on_screen(*samples[-1][0])
        up = {"type": "mouseReleased", "x": x, "y": y, "pointerType": "pen", "button": "left"}
        self.send("Mouse", up)

    def rest(self) -> None:
        """Let the time pass after which the pen is no longer near."""
        self.now += 0.9


@pytest.fixture
def hands(editor: Editor) -> Hands:
    return Hands(editor, editor.page.context.new_cdp_session(editor.page))


def view(editor: Editor) -> dict:
    return editor.state()["view"]


def test_one_finger_when_it_draws_then_the_mask_has_its_way_and_the_film_stays(
    hands: Hands,
) -> None:
    editor, before = hands.editor, view(hands.editor)
    hands.drag((80, 90), (110, 110), (140, 130))
    mask = editor.mask()
    assert mask[90, 80]
    assert mask[110, 110]
    assert mask[130, 140]
    assert not mask[300, 200]
    assert view(editor) == before
    assert editor.state()["stroke"] == 1


def test_one_finger_when_it_is_set_to_move_then_the_film_follows_it_also_after_a_reload(
    hands: Hands, reading_room: ReadingRoom
) -> None:
    editor = hands.editor
    switch = editor.page.get_by_role("switch", name=ONE_FINGER)
    expect(switch).not_to_be_checked()
    editor.page.get_by_text(ONE_FINGER).click()
    expect(switch).to_be_checked()
    for again in (False, True):
        if again:
            editor.page.reload()
            editor.wait_open()
        x0, y0 = editor.on_screen(150, 180)
        for kind, dx in (("touchStart", 0), ("touchMove", 30), ("touchMove", 60)):
            points = [{"x": x0 + dx, "y": y0 + dx / 2}]
            hands.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        hands.touch("touchEnd")
        assert editor.on_screen(150, 180) == pytest.approx((x0 + 60, y0 + 30), abs=1)
        assert not editor.mask().any()
    editor.drag((80, 90), (140, 130))
    assert editor.mask()[110, 110]  # the mouse goes on drawing


def test_two_fingers_when_spread_then_the_film_grows_between_them_and_no_dot_is_left(
    hands: Hands,
) -> None:
    editor, before = hands.editor, view(hands.editor)
    x, y = editor.on_screen(150, 180)

    def send(kind: str, *points: Point) -> None:
        rows = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        hands.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": rows})

    send("touchStart", (x - 50, y))
    send("touchStart", (x - 50, y), (x + 50, y))
    for step in range(1, 6):
        send("touchMove", (x - 50 - 10 * step, y), (x + 50 + 10 * step, y))
    send("touchMove", (x - 60, y + 40), (x + 140, y + 40))
    send("touchEnd", (x - 60, y + 40))
    send("touchMove", (x - 120, y + 90))
    send("touchEnd")
    assert view(editor)["zoom"] == pytest.approx(2 * before["zoom"], rel=0.02)
    assert editor.on_screen(150, 180) == pytest.approx((x + 40, y + 40), abs=2)
    assert not editor.mask().any()
    assert editor.state()["stroke"] == 0
    hands.drag((150, 180), (155, 185))
    assert editor.mask()[180, 150]


def widths(mask: np.ndarray, *columns: int) -> list[int]:
    return [int(mask[:, column].sum()) for column in columns]


def test_pen_when_pressure_counts_then_it_paints_wider_where_it_presses_harder(
    hands: Hands,
) -> None:
    editor = hands.editor
    stroke = [((60.0 + 20 * step, 180.0), 0.1 + 0.1 * step) for step in range(10)]
    hands.stroke(*stroke)
    even = widths(editor.mask(), 80, 150, 220)
    assert max(even) - min(even) <= 1
    editor.page.keyboard.press("Control+z")
    editor.page.get_by_role("switch", name=PRESSURE).check()
    hands.stroke(*stroke)
    light, middle, heavy = widths(editor.mask(), 80, 150, 220)
    assert light < middle < heavy <= max(even)
    assert light < max(even) / 2
    editor.page.keyboard.press("Control+z")
    editor.drag((60, 180), (240, 180))
    assert widths(editor.mask(), 80, 150, 220) == even  # a mouse has no pressure


def test_palm_when_it_lies_beside_the_pen_then_only_the_pen_draws(hands: Hands) -> None:
    editor = hands.editor
    hands.pen("mouseMoved", (60, 60))
    hands.drag((200, 300), (220, 310))  # the pen hovers
    assert not editor.mask().any()
    hands.pen("mousePressed", (60, 60), force=0.5)
    hands.touch("touchStart", (200, 300), (230, 300))
    hands.pen("mouseMoved", (120, 60), force=0.5)
    hands.touch("touchMove", (210, 330), (230, 330))
    hands.pen("mouseMoved", (160, 60), force=0.5)
    hands.touch("touchEnd")
    hands.pen("mouseReleased", (160, 60), force=0.5)
    mask = editor.mask()
    assert mask[60, 60:160].all()
    assert not mask[120:].any()
    hands.rest()
    hands.drag((200, 300), (220, 310), size=100)  # a palm without a pen is too large
    assert not editor.mask()[120:].any()
    hands.drag((200, 300), (220, 310))
    assert editor.mask()[300, 200]


def test_palm_when_it_comes_down_before_the_pen_then_its_mark_goes(hands: Hands) -> None:
    editor = hands.editor
    hands.touch("touchStart", (200, 300))
    hands.touch("touchMove", (205, 302))
    hands.stroke(((60, 60), 0.5), ((160, 60), 0.5))
    hands.touch("touchMove", (220, 310))
    hands.touch("touchEnd")
    mask = editor.mask()
    assert mask[60, 60:160].all()
    assert not mask[120:].any()
    assert editor.state()["stroke"] == 1


# Chromium's test input knows no eraser end, so these events are made in the page: on the real
# listener, with the mouse's pointer id, since a capture is refused for a pointer that is not there.
ERASE = """points => {
  const canvas = document.querySelector('[aria-label="Mask editor"]');
  const at = ([clientX, clientY]) => ({ clientX, clientY, pointerId: 1, pointerType: "pen",
    bubbles: true, cancelable: true });
  const fire = (type, point, more) =>
    canvas.dispatchEvent(new PointerEvent(type, { ...at(point), ...more }));
  fire("pointerdown", points[0], { button: 5, buttons: 32, pressure: 0.5 });
  for (const point of points)
    fire("pointermove", point, { button: -1, buttons: 32, pressure: 0.5 });
  fire("pointerup", points.at(-1), { button: 5, buttons: 0 });
}"""


def test_pen_when_its_eraser_end_is_down_then_it_erases_whatever_the_tool(hands: Hands) -> None:
    editor = hands.editor
    hands.stroke(((80, 120), 0.5), ((220, 120), 0.5))
    drawn = editor.mask()
    assert drawn[120, 80:220].all()
    for tool in ("Brush", "Lasso", "Hand", "Window/level"):
        editor.button(tool).click()
        before = view(editor)
        around = [(120, 60), (180, 60), (180, 180), (120, 180)] if tool == "Lasso" else [(150, 120)]
        editor.page.evaluate(ERASE, [editor.on_screen(*point) for point in around])
        mask = editor.mask()
        assert not mask[120, 150], tool
        assert mask[120, 80], tool
        assert mask[120, 220], tool
        assert view(editor) == before, tool
        editor.page.keyboard.press("Control+z")
        np.testing.assert_array_equal(editor.mask(), drawn, err_msg=tool)
