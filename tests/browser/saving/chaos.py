"""A reader who draws fast while the page, the network and the session fail."""

from __future__ import annotations

import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Error, Page, Route, expect

from tests.browser.editor import SHAPE, WAIT_SECONDS, Editor, read_annotation
from tests.browser.profile import Profile

SEED = int(os.environ.get("ROUNDTRUTH_SEED", "1"))
KEPT_AFTER_S = 0.05
FAULTS = ["busy", "dropped", "unanswered", "offline"]
ENDS = ["reload", "close", "crash", "kill"]

Mask = npt.NDArray[np.bool_]
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5


@dataclass(frozen=True, slots=True)
class Moment:
    """The mask after a gesture, what can be undone, and when the page had heard of it."""

    mask: Mask
    past: tuple[Mask, ...] = ()
    heard: float = 0.0


def blank() -> list[Moment]:
    return [Moment(np.zeros(SHAPE, np.bool_))]


@dataclass(repr=False)
class Reader:
    """Draws, knows without the page what must be there, and comes back whatever happened."""

    profile: Profile
    chance: random.Random
    editor: Editor = field(init=False)
    moments: list[Moment] = field(default_factory=blank)
    fault: str = ""
    story: list[str] = field(default_factory=list)

    # ---- drawing -----------------------------------------------------------------------------

    def draw(self, count: int) -> None:
        """Brush, erase and undo as fast as the page takes it."""
        self.story.append(f"draws {count}")
        keyboard = self.editor.page.keyboard
        for _ in range(count):
            now = self.moments[-1]
            if now.past and self.chance.random() < 0.15:
                keyboard.press("Control+z")
                self.remember(now.past[-1], now.past[:-1])
                continue
            erases = self.chance.random() < 0.2
            keyboard.press("e" if erases else "b")
            within = self.sweep()
            mask = now.mask & ~within if erases else now.mask | within
            if (mask != now.mask).any():  # a gesture that changes nothing is none
                self.remember(mask, (*now.past, now.mask))

    def sweep(self) -> Mask:
        """Sweep the brush along whole pixels of the screen; return the pixels it goes over."""
        mouse, radius = self.editor.page.mouse, self.editor.state()["radius"]
        (left, top), zoom = self.editor.on_screen(0, 0), self.editor.state()["view"]["zoom"]
        start = round(left + self.chance.uniform(20, 200) * zoom)
        end = start + self.chance.randint(0, 200)
        row = round(top + self.chance.uniform(20, 340) * zoom)
        mouse.move(start, row)
        mouse.down()
        mouse.move(end, row, steps=self.chance.randint(1, 4))
        mouse.up()
        nearest = np.clip(COLUMNS, (start - left) / zoom, (end - left) / zoom)
        return np.hypot(COLUMNS - nearest, ROWS - (row - top) / zoom) <= radius

    def remember(self, mask: Mask, past: tuple[Mask, ...]) -> None:
        self.moments.append(Moment(mask, past, time.monotonic()))

    def expect_all(self, ended: float | None = None) -> None:
        """Assert that all that was drawn in time is there; forget what came too late for it."""
        seen = self.editor.mask()
        last = len(self.moments) - 1
        due = last
        while ended is not None and self.moments[due].heard + KEPT_AFTER_S > ended:
            due -= 1
        for i in range(last, due - 1, -1):
            if (self.moments[i].mask == seen).all():
                del self.moments[i + 1 :]
                return
        off = [int((moment.mask != seen).sum()) for moment in self.moments]
        best = int(np.argmin(off))
        raise AssertionError(
            f"gestures {due} to {last} were due, nearest is {best} with {off[best]} pixels off, "
            f"after {self.story}"
        )

    # ---- what goes wrong ---------------------------------------------------------------------

    def come(self, editor: Editor) -> None:
        self.editor = editor
        editor.wait_open()
        for _ in range(self.chance.randint(0, 9)):
            editor.page.keyboard.press("[")

    def meet(self, route: Route) -> None:
        """Let a write through, or not."""
        with suppress(Error):  # the page may be gone by now
            if route.request.method == "GET" or self.fault in ("", "offline"):
                route.continue_()
            elif self.fault == "busy":
                route.fulfill(status=503)
            else:
                if self.fault == "unanswered":
                    route.fetch()
                route.abort("connectionreset")

    def suffer(self, fault: str) -> None:
        self.story.append(fault or "heals")
        self.fault = fault
        self.editor.page.context.set_offline(fault == "offline")

    def end(self, how: str) -> None:
        """Lose the page, come back, and find everything of 50 ms before."""
        if self.fault == "offline":  # nothing could be opened again
            self.suffer("dropped")
        # As long as it happens to be: the page may be lost at any moment.
        self.editor.page.wait_for_timeout(self.chance.choice([0, 50, self.chance.uniform(0, 400)]))
        self.story.append(how)
        page, ended = self.editor.page, time.monotonic()
        if how == "kill":
            self.profile.kill()
            self.come(self.profile.start(self.meet))
        elif how == "reload":
            page.reload()
            self.come(self.editor)
        else:
            if how == "crash":
                crash(page)
            page.close()
            self.come(self.profile.reading_room.open(page.context))
        self.expect_all(ended)

    def lose_session(self) -> None:
        """The session ends before the last stroke is saved, and the reader signs in again."""
        self.suffer("dropped")
        count = len(self.moments)
        while len(self.moments) == count:
            self.draw(1)
        self.story.append("session ends")
        page = self.editor.page
        page.context.clear_cookies()
        self.suffer("")  # the next try to save meets it; strokes under the dialog would be none
        dialog = page.get_by_role("dialog", name="Sign in again")
        dialog.get_by_label("Password").fill("pass", timeout=WAIT_SECONDS * 1000)
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog).to_be_hidden(timeout=WAIT_SECONDS * 1000)
        self.profile.cookies = page.context.cookies()
        self.expect_all()

    def accept(self, fault: str) -> None:
        """Decide while the network fails: the next case is drawn on, and the mask arrives once."""
        self.suffer("")
        while not self.moments[-1].mask.any():
            self.draw(1)
        self.editor.wait_saved()
        self.editor.wait_ahead()
        self.suffer(fault)
        self.story.append("accepts")
        case, mask = self.editor.state()["current"]["assignment"], self.moments[-1].mask
        self.editor.page.keyboard.press("Enter")
        self.editor.wait(f"window.roundtruth.state().current?.assignment !== '{case}'")
        self.editor.wait_open()
        self.moments = blank()
        self.draw(4)
        self.expect_all()
        self.suffer("")
        self.editor.wait_submitted(case)
        np.testing.assert_array_equal(read_annotation(case)[1], mask)
        self.expect_all()


def crash(page: Page) -> None:
    """End the page's process; the browser and its other processes live on."""
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://crash", wait_until="commit")
