"""Opens the reading room in headless Chromium. This process serves the site.

The page contains a stopwatch (stopwatch.js).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.client import Client
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from annotation.models import Project, User

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
_STOPWATCH = Path(__file__).with_name("stopwatch.js")
_WAIT_SECONDS = 60.0


@contextlib.contextmanager
def serve_site() -> Iterator[str]:
    """Serve the site from a thread and yield its address."""
    # Playwright runs an event loop in this thread, so Django would refuse our queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    settings.SHOWS_TEST_HANDLE = True
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "127.0.0.1"]
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.terminate()


@contextlib.contextmanager
def start_chromium(*flags: str) -> Iterator[Browser]:
    """Start Chromium without a GPU and yield it. Raises RuntimeError if it is not installed."""
    path = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if path is None:
        raise RuntimeError(
            "Chromium is not installed. Set CHROMIUM to the path of another browser."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True, slots=True)
class Room:
    """One reader's page with the reading room of a project."""

    page: Page
    context: BrowserContext

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page. Promises are awaited."""
        return self.page.evaluate(f"() => {expression}")

    def wait(self, expression: str) -> None:
        """Wait until a JavaScript expression is true. Raises RuntimeError after a minute."""
        end = time.monotonic() + _WAIT_SECONDS
        while not self.ask(f"Boolean(window.roundtruth && ({expression}))"):
            if time.monotonic() > end:
                raise RuntimeError(f"{expression} did not become true in {_WAIT_SECONDS:g} s")
            time.sleep(0.02)

    def state(self) -> dict[str, Any]:
        """Return the state of the reading room."""
        return cast(dict[str, Any], self.ask("window.roundtruth.state()"))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the position of an image point in the page, in CSS pixels."""
        point = self.ask(f"window.roundtruth.imageToScreen({x}, {y})")
        return point["x"], point["y"]

    def frames(self) -> list[dict[str, float]]:
        """Return the frames since the stopwatch was started: `at` and `work`, in ms."""
        return cast(list[dict[str, float]], self.ask("window.stopwatch.frames()"))


def open_room(browser: Browser, address: str, project: Project, reader: User) -> Room:
    """Open the reading room in a fresh browser profile and wait for the first film."""
    client = Client()
    client.force_login(reader)
    name = settings.SESSION_COOKIE_NAME
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])
    context.add_init_script(path=_STOPWATCH)
    page = context.new_page()
    page.goto(f"{address}/p/{project.slug}/read/")
    room = Room(page, context)
    room.wait("window.roundtruth.state().hasFilm")
    return room
