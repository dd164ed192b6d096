"""Measures the reading room in headless Chromium: the brush, the window, undo, the next case.

Everything is measured with `--disable-gpu`, and again without any 3D interface, as on a hospital's
virtual desktop. The work of a frame is the time of its event handlers and of its drawing.
"""

from __future__ import annotations

import gzip
import itertools
import random
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from django.conf import settings
from playwright.sync_api import Browser, CDPSession

from annotation.models import Membership, Project, User
from annotation.selectors.labels import READING_LABEL, label_of
from annotation.services.intake.importing import import_folder
from annotation.services.projects import create_project
from bench.browser import Room, open_room, serve_site, start_chromium
from bench.environment import Options, machine
from bench.large_project import add_proposals, serving_round
from bench.measure import Bar, Row, percentile95, row
from fixtures.phantoms import make_cohort
from mlloop.pixels.images import encode_pixels

LARGE, MIDDLE, SMALL = 3072, 2048, 512
RADII = (20, 150, 400)
_UNDOS, _COLD, _NEXT, _CASES = (
    5,
    6,
    10,
    100,
)  # undos per radius, first pages, accepted cases, cases read
_COLLECTIONS = 5
_MOVES = 40  # pointer moves in a stroke
_PASSES = {"no_gpu": (), "no_3d": ("--disable-3d-apis",)}
_BARS = {
    "brush": Bar("<=", 16.0), "window": Bar("<=", 34.0), "undo": Bar("<=", 10.0),
    "next": Bar("<=", 150.0), "cold": Bar("<=", 1500.0), "heap": Bar("<=", 1.1),
    "script": Bar("<=", 120.0),
}  # fmt: skip


def measure(options: Options) -> list[Row]:
    """Measure drawing at 3072x3072, opening at 2048x2048 and the heap over a hundred cases."""
    made = {
        side: _make_project(options.folder, side, count)
        for side, count in ((LARGE, 4), (MIDDLE, 2 * (_NEXT + 3)), (SMALL, 2 * (_CASES + 3)))
    }
    rows = [_measure_scripts()]
    with serve_site() as address:
        for name, flags in _PASSES.items():
            with start_chromium(*flags) as browser:
                device = f"{machine()}, Chromium {browser.version}, {name}"
                # One reader per project and pass: a page that is opened again shows the same case.
                readers = {side: _make_reader(project, name) for side, project in made.items()}

                rows += [
                    row(f"editor.{key}.{name}", value, unit, bar=bar, device=device)
                    for key, value, unit, bar in _measure_figures(
                        partial(_enter, browser, address, readers)
                    )
                ]
    return rows


def _measure_figures(enter: Callable[[int], Room]) -> Iterator[tuple[str, float, str, Bar | None]]:
    room = enter(LARGE)
    for radius in RADII:
        work, gaps, release = _draw_stroke(room, radius)
        yield f"brush_p95_ms.r{radius}", percentile95(work), "ms a frame", _BARS["brush"]
        yield f"brush_frame_p95_ms.r{radius}", percentile95(gaps), "ms between frames", None
        yield f"release_ms.r{radius}", release, "ms, the end of one stroke and its frame", None
        undone = percentile95([_undo(room) for _ in range(_UNDOS)])
        yield f"undo_p95_ms.r{radius}", undone, "ms", _BARS["undo"]
    gaps = _drag_window(room)
    yield "window_frame_p95_ms", percentile95(gaps), "ms between frames", _BARS["window"]
    room.context.close()

    cold = []
    for _ in range(_COLD):
        room = enter(MIDDLE)
        cold.append(float(room.ask("window.filmAt")))
        room.context.close()
    yield "cold_p95_ms", percentile95(cold), f"ms, {_COLD} first pages", _BARS["cold"]
    room = enter(MIDDLE)
    waits = [_accept_case(room) for _ in range(_NEXT)]
    yield "next_p95_ms", percentile95(waits), "ms", _BARS["next"]
    room.context.close()

    room = enter(SMALL)
    ten, hundred = _read_cases(room, 10), _read_cases(room, _CASES - 10)
    yield "heap_ratio", hundred / ten, f"x, case {_CASES} to case 10", _BARS["heap"]
    yield "heap_mib", hundred / 2**20, f"MiB at case {_CASES}", None
    room.context.close()


def _draw_stroke(room: Room, radius: int) -> tuple[list[float], list[float], float]:
    """Draw across the film; return, in ms, each frame's work and the times between frames.

    The last figure is the time that the end of the stroke takes: it computes the changed pixels,
    writes them to the journal and draws a frame.
    """
    _set_radius(room, radius)
    page = room.page
    page.mouse.move(*room.at(0.25 * LARGE, 0.3 * LARGE))
    page.mouse.down()
    room.ask("window.stopwatch.start()")
    page.mouse.move(*room.at(0.75 * LARGE, 0.5 * LARGE), steps=_MOVES)
    page.mouse.move(*room.at(0.3 * LARGE, 0.7 * LARGE), steps=_MOVES)
    frames = room.frames()
    room.ask("window.stopwatch.start()")
    page.mouse.up()
    page.wait_for_timeout(200)
    return _work(frames), _gaps(frames), sum(_work(room.frames()))


def _undo(room: Room) -> float:
    """Undo the last stroke and redo it; return the ms of the undo key and its frame."""
    room.page.wait_for_timeout(500)
    room.ask("window.stopwatch.start()")
    room.page.keyboard.press("Control+z")
    room.page.wait_for_timeout(200)
    work = _work(room.frames())[0]
    room.page.keyboard.press("Control+Shift+z")
    return work


def _drag_window(room: Room) -> list[float]:
    """Drag the grey-value window with the right button; return the ms between frames."""
    mouse = room.page.mouse
    mouse.move(*room.at(0.3 * LARGE, 0.3 * LARGE))
    mouse.down(button="right")
    room.ask("window.stopwatch.start()")
    mouse.move(*room.at(0.6 * LARGE, 0.5 * LARGE), steps=2 * _MOVES)
    gaps = _gaps(room.frames())
    mouse.up(button="right")
    return gaps


def _accept_case(room: Room) -> float:
    """Pick a candidate, accept it, and return the milliseconds until the next case is shown."""
    # A reader takes time. In this time, the next case is fetched and decoded.
    room.page.wait_for_timeout(2500)
    _pick(room)
    now = room.state()["current"]["assignment"]
    room.ask(
        f"void (window.took = (started => window.stopwatch.filmOfOther('{now}')"
        ".then(shown => shown - started))(performance.now()))"
    )
    room.page.keyboard.press("Enter")
    return float(room.ask("window.took"))


def _read_cases(room: Room, cases: int) -> float:
    """Read `cases` cases and return the bytes in use afterwards, with masks and films.

    The result is the median over several garbage collections, which differ by 0.4 MiB.
    """
    for _ in range(cases):
        now = room.state()["current"]["assignment"]
        _pick(room)
        room.page.keyboard.press("Enter")
        room.ask(f"window.stopwatch.filmOfOther('{now}')")
    room.ask("window.stopwatch.start()")  # forget the frames that the stopwatch keeps
    session = room.context.new_cdp_session(room.page)
    in_use = [_bytes_after_collection(session) for _ in range(_COLLECTIONS)]
    session.detach()
    return statistics.median(in_use)


def _pick(room: Room) -> None:
    """Pick the first candidate and wait until its mask is shown and saved.

    The mask may have to be fetched first. A pick is saved even if it changes no pixel.
    """
    room.page.keyboard.press("1")
    room.wait("window.roundtruth.state().stroke > 0")
    room.wait("window.roundtruth.state().save.phase === 'saved'")


def _bytes_after_collection(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    # Masks and films are typed arrays, which count as backing storage and not as heap.
    return float(usage["usedSize"] + usage["embedderHeapUsedSize"] + usage["backingStorageSize"])


def _set_radius(room: Room, radius: int) -> None:
    key = "]" if room.state()["radius"] < radius else "["
    while (room.state()["radius"] < radius) == (key == "]"):
        room.page.keyboard.press(key)


def _work(frames: list[dict[str, float]]) -> list[float]:
    return [frame["work"] for frame in frames]


def _gaps(frames: list[dict[str, float]]) -> list[float]:
    return [b["at"] - a["at"] for a, b in itertools.pairwise(frames)]


def _measure_scripts() -> Row:
    """Return a row with the compressed size of all scripts of the reading room."""
    built = Path(settings.FRONTEND_DIST).rglob("*.js")
    size = sum(len(gzip.compress(path.read_bytes())) for path in built) / 1000
    return row("editor.script_kb", size, "kB gzip", bar=_BARS["script"], device="any")


def _make_reader(project: Project, name: str) -> Membership:
    reader = User.objects.create(username=f"{project.slug}-{name}")
    return Membership.objects.create(project=project, user=reader, role=Membership.Role.READER)


def _enter(browser: Browser, address: str, readers: dict[int, Membership], side: int) -> Room:
    return open_room(browser, address, readers[side].project, readers[side].user)


def _make_project(folder: Path, side: int, count: int) -> Project:
    """Import `count` 16-bit films and give each film five candidates."""
    slug = f"editor-{side}"
    project = create_project(slug=slug, name=slug, actor=None, sealed_fraction=0.0)
    import_folder(project=project, folder=_write_films(folder / slug, side, count))
    images = list(project.images.select_related("patient"))
    label = label_of(project, READING_LABEL)
    add_proposals(serving_round(project), label, images, random.Random(side))
    return project


def _write_films(place: Path, side: int, count: int) -> Path:
    """Write enlarged films of one phantom, each with different noise, and return their folder."""
    place.mkdir()
    phantom = next(iter(make_cohort(patients=1, seed=1, size=256, normal_fraction=0.0)))
    whole: npt.NDArray[np.float64] = phantom.pixels / phantom.pixels.max() * 60_000
    large = np.kron(whole, np.ones((side // 256, side // 256)))
    for number in range(count):
        grain = np.random.default_rng(number).normal(0, 150, large.shape)
        pixels = np.clip(large + grain, 0, 65_535).astype(np.uint16)
        (place / f"film-{number:03d}.png").write_bytes(encode_pixels(pixels))
    return place
