"""Measures the next case, the image list and a save through the whole web stack."""

from __future__ import annotations

import functools
import io
import itertools
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection
from django.test.client import Client, ClientHandler
from django.test.utils import CaptureQueriesContext
from PIL import Image

from annotation.models import User
from bench import bare
from bench.environment import Options, machine_and_database
from bench.large_project import SIDE, LargeProject, make_large_project, serving_query
from bench.measure import REPEATS, Bar, Row, alternate, percentile95, ratio, row, seconds

NEXT_BAR = Bar("<=", 100.0)
SAVE_BAR = Bar("<=", 500.0)
_AT_ONCE = 10  # calls in one turn
_SMALL = 200
_PAGE = 50

Call = Callable[[], Any]  # the test client has no public type for answers


def measure(options: Options) -> list[Row]:
    """Measure a project of `options.images` images with five proposals each."""
    small = make_large_project(slug="small", images=_SMALL, readers=1)
    large = make_large_project(
        slug="large", images=options.images, readers=2 * _AT_ONCE * (REPEATS + 1) + 2
    )
    *readers, counted, drawing = large.readers
    asked = (_queries(_asking(small, small.readers[0])), _queries(_asking(large, counted)))
    listed = (_queries(_listing(small)), _queries(_listing(large)))
    return [
        row("project.images", options.images, "images", device=machine_and_database()),
        *_next_case(large, readers),
        _same("next_case.queries", *asked),
        *_image_list(large),
        _same("list.queries", *listed),
        *_saving(large, drawing, options.folder),
    ]


def _next_case(large: LargeProject, readers: list[User]) -> list[Row]:
    """Ask once per reader: half of the readers ask for a read, the others for a sealed case.

    Each call makes a new lease, and nothing is prefetched. A read makes five candidates at
    2048x2048. A sealed case has none, so its time is the time of the queries.
    """
    half = len(readers) // 2
    reads = iter([_asking(large, reader) for reader in readers[:half]])
    sealed = iter([_asking(large, reader, "sealed") for reader in readers[half:]])
    sql, parameters = serving_query(large)

    def ask(calls: Iterator[Call]) -> list[float]:
        return [seconds(call) for call in itertools.islice(calls, _AT_ONCE)]

    def look() -> list[float]:
        return [seconds(lambda: bare.query(sql, parameters)) for _ in range(_AT_ONCE)]

    served, blind, looked = alternate(lambda: ask(reads), lambda: ask(sealed), look)
    return [
        *_latency("next_case", served, looked, bar=NEXT_BAR),
        *_latency("next_case.no_candidates", blind, looked, bar=NEXT_BAR)[:2],
    ]


def _image_list(large: LargeProject) -> list[Row]:
    """Ask for the first page of the image list, and for the last."""
    count = int(_listing(large)().json()["count"])
    pages = {"first": 1, "last": -(-count // _PAGE)}
    turns = alternate(*(_stopwatch(_listing(large, page)) for page in pages.values()), repeats=15)
    device = machine_and_database()
    return [
        row(f"list.{name}_p95_ms", 1e3 * percentile95(spent), "ms", bar=NEXT_BAR, device=device)
        for name, spent in zip(pages, turns, strict=True)
    ]


def _saving(large: LargeProject, reader: User, folder: Path) -> list[Row]:
    """Save a drawing as it grows, one reader alone, against decode, encode and write."""
    client = _client(reader)
    case = _asking(large, reader)().json()
    url = f"/api/v1/assignments/{case['assignment']}/draft/?label={large.label.key}"
    # Every mask is new, because the store does not write known bytes again.
    served, plain = _drawing(), _drawing()
    headers = {"If-None-Match": "*"}

    def save(png: bytes) -> None:
        answer = client.put(url, png, content_type="image/png", headers=headers)
        etag = _checked(answer, 200, 201)["ETag"]
        headers.clear()
        headers["If-Match"] = etag

    def write(png: bytes) -> None:
        bare.decode_encode_write(png, folder / "bare.png")

    def turn(work: Callable[[bytes], None], masks: Iterator[bytes]) -> list[float]:
        some = list(itertools.islice(masks, _AT_ONCE))
        return [seconds(lambda png=png: work(png)) for png in some]  # type: ignore[misc]

    turns = alternate(lambda: turn(save, served), lambda: turn(write, plain))
    return _latency("save", *turns, bar=SAVE_BAR)


def _drawing() -> Iterator[bytes]:
    """Yield a mask of 2048x2048 as 1-bit PNG again and again, each with one more stroke."""
    y, x = np.ogrid[0:SIDE, 0:SIDE]
    mask = np.zeros((SIDE, SIDE), np.bool_)
    for stroke in itertools.count():
        angle = 2.4 * stroke  # the golden angle spreads the strokes
        at_y, at_x = 900 + 400 * np.sin(angle), 1024 + 500 * np.cos(angle)
        mask |= (y - at_y) ** 2 + (x - at_x) ** 2 < (60 + 2 * stroke) ** 2
        out = io.BytesIO()
        Image.fromarray(mask).save(out, "PNG")
        yield out.getvalue()


def _latency(
    name: str, served: list[list[float]], plain: list[list[float]], *, bar: Bar
) -> list[Row]:
    times = [1e3 * spent for turn in served for spent in turn]
    plain_times = [1e3 * spent for turn in plain for spent in turn]
    medians = [[statistics.median(turn) for turn in turns] for turns in (served, plain)]
    device = machine_and_database()
    return [
        row(f"{name}.p95_ms", percentile95(times), "ms", bar=bar, device=device),
        row(f"{name}.median_ms", statistics.median(times), "ms", device=device),
        row(f"{name}.bare_median_ms", statistics.median(plain_times), "ms", device=device),
        row(f"{name}.ratio", ratio(*medians), "x bare", device=device),
    ]


def _asking(large: LargeProject, reader: User, purpose: str = "read") -> Call:
    client = _client(reader)
    url = f"/api/v1/projects/{large.project.slug}/next/"
    body = {"purpose": purpose}
    return lambda: _checked(client.post(url, body, content_type="application/json"), 200)


def _listing(large: LargeProject, page: int = 1) -> Call:
    client = _client(large.curator)
    url = f"/api/v1/projects/{large.project.slug}/images/?page={page}&page_size={_PAGE}"
    return lambda: _checked(client.get(url), 200)


def _client(user: User) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.handler = _handler()
    client.force_login(user)
    return client


@functools.cache
def _handler() -> ClientHandler:
    """Load the middleware once, as a server does. Otherwise each client would load it."""
    return ClientHandler(enforce_csrf_checks=False)


def _checked(answer: Any, *expected: int) -> Any:
    """Return the answer. Raises RuntimeError for a refusal, which must not be timed as work."""
    if answer.status_code not in expected:
        raise RuntimeError(f"answered {answer.status_code}: {answer.content[:300]!r}")
    return answer


def _stopwatch(call: Call) -> Callable[[], float]:
    return lambda: seconds(call)


def _queries(call: Call) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def _same(name: str, small: int, large: int) -> Row:
    """Return a row that holds if a large project needs no more queries than a small one."""
    bar = Bar("<=", small)
    return row(
        name, large, f"queries ({_SMALL} images: {small})", bar=bar, device=connection.vendor
    )
