"""The reading room as a test meets it: what its page, the screen and the server have of a case."""

from __future__ import annotations

import base64
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Locator, Page, Route, expect

from annotation import storage
from annotation.models import Annotation, Assignment, Draft
from mlloop.pixels.images import decode_image
from mlloop.pixels.masks import decode_mask

SHAPE = (360, 300)
WAIT_SECONDS = 30.0
POLL_MS = 20
TWO_FRAMES = """() => new Promise(done =>
    requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"""
CHANNEL = """([selector, channel]) => new Promise((done) => {
    const canvas = document.querySelector(selector);
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const values = new Uint8Array(width * height).map((_, i) => data[4 * i + channel]);
    const reader = new FileReader();
    reader.onload = () => done({ width, height, values: reader.result.split(",")[1] });
    reader.readAsDataURL(new Blob([values]));
})"""
FETCHED = """() => performance.getEntriesByType("resource")
    .filter((one) => one.responseStatus === 200).map((one) => one.name)"""

Found = TypeVar("Found")

# What is awaited comes later on a busy machine, never another thing instead.
expect.set_options(timeout=1000 * WAIT_SECONDS)


def poll(
    holds: Callable[[], Found],
    question: Callable[[], str],
    *,
    pause: Callable[[], None] = lambda: time.sleep(POLL_MS / 1000),
) -> Found:
    """Ask again and again until the answer is truthy, and return it; in the end say what for."""
    end = time.monotonic() + WAIT_SECONDS
    while not (answer := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {question()}")
        pause()
    return answer


@dataclass(frozen=True, slots=True)
class Editor:
    """A page with the reading room, and what its read-only test handle says."""

    page: Page

    def ask(self, expression: str) -> object:
        return self.page.evaluate(f"() => {expression}")

    # ---- waiting -----------------------------------------------------------------------------

    def wait_frames(self) -> None:
        """Wait for two frames: what was asked to be painted before is painted then."""
        self.page.evaluate(TWO_FRAMES)

    def wait_until(self, holds: Callable[[], Found]) -> Found:
        """Ask again and again until the answer is truthy, and return it."""
        return self._poll(holds, lambda: inspect.getsource(holds).strip())

    def wait(self, expression: str) -> object:
        """Ask the page again and again, once it has the room, until the answer is truthy.

        Asked from outside: the page's policy forbids the eval that Playwright would poll with.
        """
        return self._poll(
            lambda: self.ask(f"window.roundtruth ? ({expression}) : null"), lambda: expression
        )

    def _poll(self, holds: Callable[[], Found], question: Callable[[], str]) -> Found:
        state = "window.roundtruth?.state()"
        return poll(
            holds,
            lambda: f"{question()}; the room says {self.ask(state)}",
            pause=lambda: self.page.wait_for_timeout(POLL_MS),  # the page's events are heard
        )

    def wait_open(self) -> dict:
        """Wait for a case with its film and return the case."""
        return self.wait("window.roundtruth.state().hasFilm && window.roundtruth.state().current")

    def wait_ahead(self) -> Assignment:
        """Wait until the case after this one is here too, with its film; return its assignment."""
        now = Assignment.objects.get(id=self.state()["current"]["assignment"])
        others = Assignment.objects.filter(reader=now.reader, state="open").exclude(id=now.id)

        def leased_and_fetched() -> Assignment | None:
            fetched = self.page.evaluate(FETCHED)
            for one in others.all():
                if any(f"/images/{one.image_id}/pixels/" in url for url in fetched):
                    return one
            return None

        return self.wait_until(leased_and_fetched)

    def hold_first(self, pattern: str) -> list[Route]:
        """Hold the first request to such an address until the test lets it go on; others pass."""
        held: list[Route] = []

        def meet(route: Route) -> None:
            held.append(route)
            if len(held) > 1:
                route.continue_()

        self.page.route(pattern, meet)
        return held

    def pick(self, index: int) -> None:
        """Take a candidate by its number key, counted from 0."""
        candidate = self.state()["current"]["candidates"][index]["id"]
        self.page.keyboard.press(str(index + 1))
        self.wait(f"window.roundtruth.state().basis.candidate === '{candidate}'")

    def wait_submitted(self, assignment: str) -> None:
        """Wait until the case is off the screen and the server has what was decided on it."""
        self.wait(
            f"window.roundtruth.state().current?.assignment !== '{assignment}' && "
            "window.roundtruth.state().outgoing === null"
        )

    def wait_saved(self) -> None:
        """Wait until the server has every stroke."""
        self.wait(
            "(({ save, stroke }) => save.phase === 'saved' && save.savedStroke > 0"
            " && save.savedStroke >= stroke)(window.roundtruth.state())"
        )

    def wait_kept(self, stroke: int) -> None:
        self.wait(f"window.roundtruth.state().keptStroke >= {stroke}")

    # ---- looking -----------------------------------------------------------------------------

    def state(self) -> dict:
        return self.ask("window.roundtruth.state()")

    def mask(self) -> npt.NDArray[np.bool_]:
        size = self.ask("window.roundtruth.mask.size()")
        data = base64.b64decode(self.ask("window.roundtruth.mask.base64()"))
        return np.frombuffer(data, np.uint8).reshape(size["height"], size["width"]) > 0

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        at = self.ask(f"window.roundtruth.imageToScreen({x}, {y})")
        return at["x"], at["y"]

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    # ---- doing -------------------------------------------------------------------------------

    def drag(
        self, *points: tuple[float, float], button: str = "left", release: bool = True
    ) -> None:
        """Draw through image points with real pointer events."""
        mouse = self.page.mouse
        mouse.move(*self.on_screen(*points[0]))
        mouse.down(button=button)
        for point in points[1:]:
            mouse.move(*self.on_screen(*point), steps=6)
        if release:
            mouse.up(button=button)
        else:
            self.wait_frames()  # moves are handled once a frame

    def zoom_to(self, zoom: float, at: tuple[float, float]) -> None:
        """Turn the wheel over an image point until the zoom is within a tenth of `zoom`."""
        self.page.mouse.move(*self.on_screen(*at))
        for _ in range(60):
            now = self.ask("window.roundtruth.zoom()")
            if abs(now / zoom - 1) < 0.1:
                return
            self.page.mouse.wheel(0, 40 if now > zoom else -40)
            self.wait(f"window.roundtruth.zoom() !== {now!r}")
        raise AssertionError(f"the zoom never came near {zoom}")

    def last_ten(self) -> Locator:
        """Open the list of what this reader submitted last."""
        self.page.keyboard.press("Backspace")
        dialog = self.page.get_by_role("dialog", name="My last ten")
        expect(dialog).to_be_visible()
        return dialog


def read_film(editor: Editor) -> np.ndarray:
    """Return the pixels of the film on the screen, as its file has them."""
    assignment = Assignment.objects.get(id=editor.state()["current"]["assignment"])
    return decode_image(storage.read(assignment.image.pixels_key)).pixels


def read_draft(editor: Editor) -> np.ndarray:
    """Return the mask that the server has of the case on the screen."""
    editor.wait_saved()
    draft = Draft.objects.get(assignment_id=editor.state()["current"]["assignment"])
    return decode_mask(storage.read(draft.mask_key))


def read_annotation(assignment: str) -> tuple[Annotation, np.ndarray]:
    annotation = Annotation.objects.get(assignment_id=assignment)
    return annotation, decode_mask(storage.read(annotation.mask_key))


def read_screen(editor: Editor, box: dict) -> np.ndarray:
    """Return the grey pixels of the screen in a part of the page."""
    editor.wait_frames()
    return decode_image(editor.page.screenshot(clip=box)).pixels  # type: ignore[arg-type]


def read_canvas(editor: Editor, canvas: str, *, channel: int = 0) -> npt.NDArray[np.uint8]:
    """Return a channel of a canvas in the film's own frame: a film's greys, or 3, its opacity."""
    editor.wait_frames()
    seen = editor.page.evaluate(CHANNEL, [canvas, channel])
    values = np.frombuffer(base64.b64decode(seen["values"]), np.uint8)
    return values.reshape(seen["height"], seen["width"])


def absolute_url(editor: Editor, path: str) -> str:
    """Return the whole address of a path, as the page sees it."""
    return editor.page.evaluate("path => new URL(path, location.href).href", path)
