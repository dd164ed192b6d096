"""Measures the time of the next case, the image list and a save, through the whole web stack."""

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

Call = Callable[[], Any]  # one request; the test client has no public type for its responses


def measure(options: Options) -> list[Row]:
    """Measure a project of `options.images` images with five proposals each; return the rows."""
    small = make_large_project(slug="small", images=_SMALL, readers=1)
    large = make_large_project(
        slug="large", images=options.images, readers=2 * _AT_ONCE * (REPEATS + 1) + 2
    )
    *readers, counted, drawing = large.readers
    next_queries = (
        _count_queries(_next_call(small, small.readers[0])),
        _count_queries(_next_call(large, counted)),
    )
    list_queries = (_count_queries(_list_call(small)), _count_queries(_list_call(large)))
    return [
        row("project.images", options.images, "images", device=machine_and_database()),
        *_measure_next_case(large, readers),
        _compare_queries("next_case.queries", *next_queries),
        *_measure_image_list(large),
        _compare_queries("list.queries", *list_queries),
        *_measure_saving(large, drawing, options.folder),
    ]


def _measure_next_case(large: LargeProject, readers: list[User]) -> list[Row]:
    """Ask once per reader: half of the readers ask for a read, the others for a sealed case.

    Each call makes a new lease, and nothing is prefetched. A read makes five candidates at
    2048x2048. A sealed case has no candidates, so its time is the time of the queries.
    """
    half = len(readers) // 2
    reads = iter([_next_call(large, reader) for reader in readers[:half]])
    sealed = iter([_next_call(large, reader, "sealed") for reader in readers[half:]])
    sql, parameters = serving_query(large)

    def time_calls(calls: Iterator[Call]) -> list[float]:
        return [seconds(call) for call in itertools.islice(calls, _AT_ONCE)]

    def time_query() -> list[float]:
        return [seconds(lambda: bare.query(sql, parameters)) for _ in range(_AT_ONCE)]

    read_times, sealed_times, query_times = alternate(
        lambda: time_calls(reads), lambda: time_calls(sealed), time_query
    )
    return [
        *_latency_rows("next_case", read_times, query_times, bar=NEXT_BAR),
        *_latency_rows("next_case.no_candidates", sealed_times, query_times, bar=NEXT_BAR)[:2],
    ]


def _measure_image_list(large: LargeProject) -> list[Row]:
    """Ask for the first and the last page of the image list, and return the rows."""
    count = int(_list_call(large)().json()["count"])
    pages = {"first": 1, "last": -(-count // _PAGE)}
    turns = alternate(*(_timed(_list_call(large, page)) for page in pages.values()), repeats=15)
    device = machine_and_database()
    return [
        row(f"list.{name}_p95_ms", 1e3 * percentile95(spent), "ms", bar=NEXT_BAR, device=device)
        for name, spent in zip(pages, turns, strict=True)
    ]


def _measure_saving(large: LargeProject, reader: User, folder: Path) -> list[Row]:
    """Save a growing drawing of one reader; compare this with decoding, encoding and writing it."""
    client = _client(reader)
    case = _next_call(large, reader)().json()
    url = f"/api/v1/assignments/{case['assignment']}/draft/?label={large.label.key}"
    # Every mask differs, because the store does not write the same bytes a second time.
    served, plain = _draw_masks(), _draw_masks()
    headers = {"If-None-Match": "*"}

    def save(png: bytes) -> None:
        answer = client.put(url, png, content_type="image/png", headers=headers)
        etag = _checked(answer, 200, 201)["ETag"]
        headers.clear()
        headers["If-Match"] = etag

    def write(png: bytes) -> None:
        bare.decode_encode_write(png, folder / "bare.png")

    def turn(work: Callable[[bytes], None], masks: Iterator[bytes]) -> list[float]:
        pngs = list(itertools.islice(masks, _AT_ONCE))
        return [seconds(lambda png=png: work(png)) for png in pngs]  # type: ignore[misc]

    turns = alternate(lambda: turn(save, served), lambda: turn(write, plain))
    return _latency_rows("save", *turns, bar=SAVE_BAR)


def _draw_masks() -> Iterator[bytes]:
    """Yield masks of 2048x2048 as 1-bit PNG without end. Each has one stroke more than the last."""
    y, x = np.ogrid[0:SIDE, 0:SIDE]
    mask = np.zeros((SIDE, SIDE), np.bool_)
    for stroke in itertools.count():
        angle = 2.4 * stroke  # the golden angle spreads the strokes
        at_y, at_x = 900 + 400 * np.sin(angle), 1024 + 500 * np.cos(angle)
        mask |= (y - at_y) ** 2 + (x - at_x) ** 2 < (60 + 2 * stroke) ** 2
        out = io.BytesIO()
        Image.fromarray(mask).save(out, "PNG")
        yield out.getvalue()


def _latency_rows(
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


def _next_call(large: LargeProject, reader: User, purpose: str = "read") -> Call:
    client = _client(reader)
    url = f"/api/v1/projects/{large.project.slug}/next/"
    body = {"purpose": purpose}
    return lambda: _checked(client.post(url, body, content_type="application/json"), 200)


def _list_call(large: LargeProject, page: int = 1) -> Call:
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
    """Return one handler for all clients. Like a server, it loads the middleware only once."""
    return ClientHandler(enforce_csrf_checks=False)


def _checked(answer: Any, *expected: int) -> Any:
    """Return the response, or raise RuntimeError: a refused request must not be timed as work."""
    if answer.status_code not in expected:
        raise RuntimeError(f"answered {answer.status_code}: {answer.content[:300]!r}")
    return answer


def _timed(call: Call) -> Callable[[], float]:
    return lambda: seconds(call)


def _count_queries(call: Call) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def _compare_queries(name: str, small: int, large: int) -> Row:
    """Return a row that holds if a large project needs no more queries than a small one."""
    bar = Bar("<=", small)
    return row(
        name, large, f"queries ({_SMALL} images: {small})", bar=bar, device=connection.vendor
    )
