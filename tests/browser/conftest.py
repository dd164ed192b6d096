"""Chromium, a live server on a database file, and readers at work in it."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    Route,
    ViewportSize,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from annotation import storage
from annotation.models import Annotation, Assignment, Draft, Project, User
from mlloop.images import decode_image
from mlloop.masks import decode_mask
from tests.annotation import factories

# Playwright's loop runs in this thread; the tests' own queries are no coroutine's.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_SECONDS = 30.0
SHAPE = (360, 300)
VIEWPORT: ViewportSize = {"width": 1440, "height": 900}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Put the test database into a file: the server's threads must not share one connection."""
    default = django_settings.DATABASES["default"]
    if default["ENGINE"].endswith("sqlite3"):
        default.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("db") / "test.sqlite3")


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if path is None:
        pytest.skip("Chromium is not installed.")
    return path


@pytest.fixture(scope="session")
def chromium(playwright_driver: Playwright, chromium_path: str) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path=chromium_path, args=FLAGS)
    yield browser
    browser.close()


Launching = Callable[[Path], BrowserContext]


@pytest.fixture(scope="session")
def launch_in(playwright_driver: Playwright, chromium_path: str) -> Launching:
    """Start a browser of its own that keeps what it stores in a folder."""
    return lambda folder: playwright_driver.chromium.launch_persistent_context(
        folder, executable_path=chromium_path, args=FLAGS, viewport=VIEWPORT
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """A page with the reading room, and what its read-only test handle says."""

    page: Page

    def ask(self, expression: str) -> object:
        return self.page.evaluate(f"() => {expression}")

    def wait(self, expression: str) -> object:
        """Poll from outside: the page's policy forbids the eval that Playwright would poll with."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            if value := self.ask(f"window.roundtruth ? ({expression}) : null"):
                return value
            time.sleep(0.02)
        state = self.ask("window.roundtruth?.state()")
        raise AssertionError(f"waited in vain for {expression}; the room says {state}")

    def wait_open(self) -> dict:
        """Wait for a case with its film and return the case."""
        self.wait("window.roundtruth.state().hasFilm")
        return self.state()["current"]

    def wait_taken(self, assignment: str) -> None:
        """Wait until the case is off the desk and the server has what was decided on it."""
        self.wait(
            f"window.roundtruth.state().current?.assignment !== '{assignment}' && "
            "window.roundtruth.state().outgoing === null"
        )

    def wait_saved(self) -> None:
        self.wait(
            "window.roundtruth.state().save.phase === 'saved' && "
            "window.roundtruth.state().save.savedStroke > 0"
        )

    def wait_kept(self, stroke: int) -> None:
        self.wait(f"window.roundtruth.state().keptStroke >= {stroke}")

    def state(self) -> dict:
        return self.ask("window.roundtruth.state()")

    def mask(self) -> npt.NDArray[np.bool_]:
        size = self.ask("window.roundtruth.mask.size()")
        data = base64.b64decode(self.ask("window.roundtruth.mask.base64()"))
        return np.frombuffer(data, np.uint8).reshape(size["height"], size["width"]) > 0

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        at = self.ask(f"window.roundtruth.imageToScreen({x}, {y})")
        return at["x"], at["y"]

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

    def zoom_to(self, zoom: float, at: tuple[float, float]) -> None:
        """Turn the wheel over an image point until the zoom is within a tenth of `zoom`."""
        self.page.mouse.move(*self.on_screen(*at))
        for _ in range(60):
            if abs(now := self.ask("window.roundtruth.zoom()") / zoom - 1) < 0.1:
                return
            self.page.mouse.wheel(0, 40 if now > 0 else -40)
            self.page.wait_for_timeout(20)
        raise AssertionError(f"the zoom never came near {zoom}")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)


class Errors(list[str]):
    """What the pages complained about; a browser test fails when there is any."""


@dataclass(frozen=True, slots=True)
class ReadingRoom:
    """Opens browsers for readers."""

    browser: Browser
    server: LiveServer
    project: Project
    errors: Errors

    def sign_in(self, reader: User, **options: object) -> BrowserContext:
        """Sign in by the form, as a person does."""
        context = self.browser.new_context(
            **{"viewport": VIEWPORT, **options}  # type: ignore[arg-type]
        )
        page = context.new_page()
        page.goto(f"{self.server.url}/accounts/login/")
        page.get_by_label("Account name").fill(reader.username)
        page.get_by_label("Password").fill("pass")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/login" not in url)
        page.close()
        return context

    def open(self, context: BrowserContext) -> Desk:
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.server.url}/p/{self.project.slug}/read/")
        return Desk(page)


@pytest.fixture
def reading_room(
    committed_db: None,
    live_server: LiveServer,
    settings: LazySettings,
    project: Project,
    chromium: Browser,
) -> Iterator[ReadingRoom]:
    if not (Path(settings.FRONTEND_DIST) / ".vite" / "manifest.json").exists():
        pytest.fail("The editor is not built: run `make setup` first.")
    settings.SHOWS_TEST_HANDLE = True
    settings.ACCOUNT_RATE_LIMITS = False  # every test signs in from one address
    errors = Errors()
    yield ReadingRoom(chromium, live_server, project, errors)
    for context in chromium.contexts:
        context.close()
    assert errors == []


@pytest.fixture
def reader(reading_room: ReadingRoom, member: Callable[..., User]) -> User:
    return member("reader")


@pytest.fixture
def open_reads(reading_room: ReadingRoom, project: Project) -> None:
    """Two cases of stage II, each with two networks and their ensemble."""
    serving = factories.make_round(project, stage="stage_2")
    for seed in range(2):
        image = factories.make_image(project, shape=SHAPE, seed=seed)
        factories.make_proposals(serving, image)


@pytest.fixture
def desk(open_reads: None, reading_room: ReadingRoom, reader: User) -> Desk:
    """An open read on a reader's screen."""
    desk = reading_room.open(reading_room.sign_in(reader))
    desk.wait_open()
    return desk


def film_of(desk: Desk) -> np.ndarray:
    """Return the pixels of the film on the screen, as its file has them."""
    assignment = Assignment.objects.get(id=desk.state()["current"]["assignment"])
    return decode_image(storage.read(assignment.image.pixels_key)).pixels


@pytest.fixture
def film(desk: Desk) -> np.ndarray:
    return film_of(desk)


@dataclass(slots=True)
class Profile:
    """A browser of its own whose folder outlives it."""

    launch: Launching
    folder: Path
    reading_room: ReadingRoom
    cookies: list
    context: BrowserContext | None = None

    def start(self, meet: Callable[[Route], None] = lambda route: route.abort()) -> Desk:
        """Open the reading room; `meet` decides about saves, and lets none reach the server."""
        self.context = self.launch(self.folder)
        self.context.add_cookies(self.cookies)
        self.context.route(re.compile("/(draft|submit)/"), meet)
        desk = self.reading_room.open(self.context)
        desk.wait_open()
        return desk

    def kill(self) -> None:
        """End the browser process as a power cut would: no handler of it runs."""
        self.context = None
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            is_child = any(argument.startswith("--type=") for argument in arguments)
            if f"--user-data-dir={self.folder}" in arguments and not is_child:
                os.kill(int(entry.name), signal.SIGKILL)


@pytest.fixture
def profile(
    open_reads: None,
    reading_room: ReadingRoom,
    reader: User,
    launch_in: Launching,
    tmp_path: Path,
) -> Iterator[Profile]:
    cookies = reading_room.sign_in(reader).cookies()
    profile = Profile(launch_in, tmp_path, reading_room, cookies)
    yield profile
    if profile.context:
        profile.context.close()


def drafted(desk: Desk) -> np.ndarray:
    """Return the mask that the server has of the case on the screen."""
    desk.wait_saved()
    draft = Draft.objects.get(assignment_id=desk.state()["current"]["assignment"])
    return decode_mask(storage.read(draft.mask_key))


def shown(desk: Desk, box: dict) -> np.ndarray:
    """Return the grey pixels of the screen in a part of the page."""
    desk.page.wait_for_timeout(150)  # a frame or two
    return decode_image(desk.page.screenshot(clip=box)).pixels  # type: ignore[arg-type]


def drawn(desk: Desk, canvas: str) -> np.ndarray:
    """Return the grey pixels of a canvas, in the film's own frame."""
    url = str(desk.ask(f"document.querySelector('{canvas}').toDataURL()"))
    return decode_image(base64.b64decode(url.split(",")[1])).pixels


def annotated(assignment: str) -> tuple[Annotation, np.ndarray]:
    annotation = Annotation.objects.get(assignment_id=assignment)
    return annotation, decode_mask(storage.read(annotation.mask_key))


def url_of(desk: Desk, path: str) -> str:
    """Return the whole address of a path, as the page sees it."""
    return desk.page.evaluate("path => new URL(path, location.href).href", path)
