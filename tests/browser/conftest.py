"""Chromium, a live server on a database file, and readers at work in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    ViewportSize,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from annotation.models import Image, Project, User
from tests.browser.blind import make_pick
from tests.browser.editor import SHAPE, Editor, read_film
from tests.browser.profile import Launching, Profile
from tests.support import factories

# Playwright's loop runs in this thread; the tests' own queries are no coroutine's.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# It replaces Playwright's list, of which it has what concerns Linux. The last two are popups of the
# address bar: nobody sees them here, and each window would take 0.7 s of the processor for them.
FEATURES_OFF = [
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
]
FLAGS = [
    f"--disable-features={','.join(FEATURES_OFF)}",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Without a GPU a frame takes as long as it has pixels.
VIEWPORT: ViewportSize = {"width": 1280, "height": 720}
SMALL: ViewportSize = {"width": 1000, "height": 620}


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


@pytest.fixture(scope="session")
def launch_in(playwright_driver: Playwright, chromium_path: str) -> Launching:
    """Start a browser of its own that keeps what it stores in a folder."""
    return lambda folder: playwright_driver.chromium.launch_persistent_context(
        folder, executable_path=chromium_path, args=FLAGS, viewport=VIEWPORT
    )


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
        """Return a browser that has the reader's session already, as by the form."""
        context = self.browser.new_context(
            **{"viewport": VIEWPORT, **options}  # type: ignore[arg-type]
        )
        client = Client()
        client.force_login(reader)
        name = django_settings.SESSION_COOKIE_NAME
        context.add_cookies(
            [{"name": name, "value": client.cookies[name].value, "url": self.server.url}]
        )
        return context

    def sign_in_by_form(self, page: Page, reader: User) -> None:
        """Fill in the form that the page shows, as a person does, until it leads on."""
        page.get_by_label("Account name").fill(reader.username)
        page.get_by_label("Password").fill("pass")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/login" not in url)

    def open(self, context: BrowserContext) -> Editor:
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        # Chromium forgets what came after the first 250 answers otherwise; `wait_ahead` asks.
        page.add_init_script("performance.setResourceTimingBufferSize(10_000)")
        page.goto(f"{self.server.url}/p/{self.project.slug}/read/")
        return Editor(page)


@pytest.fixture
def reading_room(
    transactional_db: None,
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
def editor(open_reads: None, reading_room: ReadingRoom, reader: User) -> Editor:
    """An open read on a reader's screen."""
    editor = reading_room.open(reading_room.sign_in(reader))
    editor.wait_open()
    return editor


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.slow)])
def ratio(request: pytest.FixtureRequest) -> int:
    """How many pixels of the screen lie on each side of one of the page's."""
    return int(request.param)


@pytest.fixture
def editor_at_ratio(
    open_reads: None, reading_room: ReadingRoom, reader: User, ratio: int
) -> Editor:
    """An open read on a small screen of either density."""
    context = reading_room.sign_in(reader, device_scale_factor=ratio, viewport=SMALL)
    editor = reading_room.open(context)
    editor.wait_open()
    return editor


@pytest.fixture
def pick_case(reading_room: ReadingRoom, project: Project) -> Image:
    """A case of stage I, which is judged blind."""
    return make_pick(factories.make_image(project, shape=SHAPE))


@pytest.fixture
def other_days(reading_room: ReadingRoom, project: Project) -> list[Image]:
    """Films of a patient on days 0, 3, 7 and 12; the one of day 7 is judged blind."""
    patient = factories.make_patient(project, "hospital-number-4711")
    made = [
        factories.make_image(project, patient=patient, day=day, shape=shape, bits=bits)
        for day, shape, bits in (
            (0, SHAPE, 16),
            (3, (500, 700), 8),
            (7, SHAPE, 16),
            (12, SHAPE, 16),
        )
    ]
    make_pick(made[2])
    return made


@pytest.fixture
def blind_editor(other_days: list[Image], reading_room: ReadingRoom, reader: User) -> Editor:
    """A blind read on a reader's screen, of a patient with films of other days."""
    editor = reading_room.open(reading_room.sign_in(reader))
    case = editor.wait_open()
    assert case["blind"]
    assert case["day"] == 7
    return editor


@pytest.fixture
def film(editor: Editor) -> np.ndarray:
    return read_film(editor)


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
    profile.close()
