"""Measures the reading room in headless Chromium: the brush, the window, undo, the next case.

Measured with `--disable-gpu` and again without any 3D interface, as on a hospital's virtual
desktop. The work of a frame is the time of its event handlers and its drawing.
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
_UNDOS, _COLD, _NEXT, _CASES = 5, 6, 10, 100
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
        side: _project(options.folder, side, count)
        for side, count in ((LARGE, 4), (MIDDLE, 2 * (_NEXT + 3)), (SMALL, 2 * (_CASES + 3)))
    }
    rows = [_script()]
    with serve_site() as address:
        for name, flags in _PASSES.items():
            with start_chromium(*flags) as browser:
                device = f"{machine()}, Chromium {browser.version}, {name}"
                # One reader per project and pass, so that a page that opens again shows its case.
                readers = {side: _reader(project, name) for side, project in made.items()}

                rows += [
                    row(f"editor.{key}.{name}", value, unit, bar=bar, device=device)
                    for key, value, unit, bar in _figures(
                        partial(_enter, browser, address, readers)
                    )
                ]
    return rows


def _figures(enter: Callable[[int], Room]) -> Iterator[tuple[str, float, str, Bar | None]]:
    room = enter(LARGE)
    for radius in RADII:
        work, gaps, release = _stroke(room, radius)
        yield f"brush_p95_ms.r{radius}", percentile95(work), "ms a frame", _BARS["brush"]
        yield f"brush_frame_p95_ms.r{radius}", percentile95(gaps), "ms between frames", None
        yield f"release_ms.r{radius}", release, "ms, the end of one stroke and its frame", None
        undone = percentile95([_undo(room) for _ in range(_UNDOS)])
        yield f"undo_p95_ms.r{radius}", undone, "ms", _BARS["undo"]
    yield "window_frame_p95_ms", percentile95(_window(room)), "ms between frames", _BARS["window"]
    room.context.close()

    cold = []
    for _ in range(_COLD):
        room = enter(MIDDLE)
        cold.append(float(room.ask("window.filmAt")))
        room.context.close()
    yield "cold_p95_ms", percentile95(cold), f"ms, {_COLD} first pages", _BARS["cold"]
    room = enter(MIDDLE)
    yield "next_p95_ms", percentile95([_next(room) for _ in range(_NEXT)]), "ms", _BARS["next"]
    room.context.close()

    room = enter(SMALL)
    ten, hundred = _heap(room, 10), _heap(room, _CASES - 10)
    yield "heap_ratio", hundred / ten, f"x, case {_CASES} to case 10", _BARS["heap"]
    yield "heap_mib", hundred / 2**20, f"MiB at case {_CASES}", None
    room.context.close()


def _stroke(room: Room, radius: int) -> tuple[list[float], list[float], float]:
    """Draw across the film; return, in ms, each frame's work and the time between frames.

    The last figure is what ending the stroke took: the difference, the journal, the frame after it.
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
    """Undo the last stroke and redo it; return what the first key and its frame took."""
    room.page.wait_for_timeout(500)
    room.ask("window.stopwatch.start()")
    room.page.keyboard.press("Control+z")
    room.page.wait_for_timeout(200)
    work = _work(room.frames())[0]
    room.page.keyboard.press("Control+Shift+z")
    return work


def _window(room: Room) -> list[float]:
    """Drag the window with the right button; return the time between frames."""
    mouse = room.page.mouse
    mouse.move(*room.at(0.3 * LARGE, 0.3 * LARGE))
    mouse.down(button="right")
    room.ask("window.stopwatch.start()")
    mouse.move(*room.at(0.6 * LARGE, 0.5 * LARGE), steps=2 * _MOVES)
    gaps = _gaps(room.frames())
    mouse.up(button="right")
    return gaps


def _next(room: Room) -> float:
    """Pick a candidate, accept it, and return the milliseconds until the next case is shown."""
    room.page.wait_for_timeout(
        2500
    )  # a reader takes time; the next case is fetched and decoded meanwhile
    _pick(room)
    now = room.state()["current"]["assignment"]
    room.ask(
        f"void (window.took = (started => window.stopwatch.filmOfOther('{now}')"
        ".then(shown => shown - started))(performance.now()))"
    )
    room.page.keyboard.press("Enter")
    return float(room.ask("window.took"))


def _heap(room: Room, cases: int) -> float:
    """Read `cases` cases and return the bytes in use, with masks and films.

    The result is the median over several garbage collections: single ones differ by 0.4 MiB.
    """
    for _ in range(cases):
        now = room.state()["current"]["assignment"]
        _pick(room)
        room.page.keyboard.press("Enter")
        room.ask(f"window.stopwatch.filmOfOther('{now}')")
    room.ask("window.stopwatch.start()")  # forget the frames that the stopwatch keeps
    session = room.context.new_cdp_session(room.page)
    in_use = [_collected(session) for _ in range(_COLLECTIONS)]
    session.detach()
    return statistics.median(in_use)


def _pick(room: Room) -> None:
    """Pick the first candidate; its mask may have to be fetched, and nothing new is saved too."""
    room.page.keyboard.press("1")
    room.wait("window.roundtruth.state().stroke > 0")
    room.wait("window.roundtruth.state().save.phase === 'saved'")


def _collected(session: CDPSession) -> float:
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


def _script() -> Row:
    """Return the compressed size of all scripts of the reading room."""
    built = Path(settings.FRONTEND_DIST).rglob("*.js")
    size = sum(len(gzip.compress(path.read_bytes())) for path in built) / 1000
    return row("editor.script_kb", size, "kB gzip", bar=_BARS["script"], device="any")


def _reader(project: Project, name: str) -> Membership:
    reader = User.objects.create(username=f"{project.slug}-{name}")
    return Membership.objects.create(project=project, user=reader, role=Membership.Role.READER)


def _enter(browser: Browser, address: str, readers: dict[int, Membership], side: int) -> Room:
    return open_room(browser, address, readers[side].project, readers[side].user)


def _project(folder: Path, side: int, count: int) -> Project:
    """Import `count` 16-bit films, each ready to read with five candidates."""
    slug = f"editor-{side}"
    project = create_project(slug=slug, name=slug, actor=None, sealed_fraction=0.0)
    import_folder(project=project, folder=_films(folder / slug, side, count))
    images = list(project.images.select_related("patient"))
    label = label_of(project, READING_LABEL)
    add_proposals(serving_round(project), label, images, random.Random(side))
    return project


def _films(place: Path, side: int, count: int) -> Path:
    """Write enlarged films of one phantom, each with different noise."""
    place.mkdir()
    phantom = next(iter(make_cohort(patients=1, seed=1, size=256, normal_fraction=0.0)))
    whole: npt.NDArray[np.float64] = phantom.pixels / phantom.pixels.max() * 60_000
    large = np.kron(whole, np.ones((side // 256, side // 256)))
    for number in range(count):
        grain = np.random.default_rng(number).normal(0, 150, large.shape)
        pixels = np.clip(large + grain, 0, 65_535).astype(np.uint16)
        (place / f"film-{number:03d}.png").write_bytes(encode_pixels(pixels))
    return place
