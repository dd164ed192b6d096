"""Explore a parser with hypothesis: a value or its own error comes out, in bounded time and memory.

`make test` tries few examples, always the same ones. `make test-all` tries many new ones.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from django.core import signals
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")
FEW = 25
MANY = 1500
# Loose, because other tests run at the same time: work that is not linear needs minutes.
MAX_SECONDS = 20.0
MAX_GROWTH = 1024**3

explored = pytest.mark.parametrize(
    "n_examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"]
)


def explore(n_examples: int, inputs: st.SearchStrategy[T], check: Callable[[T], object]) -> None:
    """Run `check` on examples of `inputs`; fail for any error, or if it takes too much."""

    @settings(
        max_examples=n_examples,
        derandomize=n_examples == FEW,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=True,
    )
    @given(inputs)
    def run(value: T) -> None:
        start = time.monotonic()
        check(value)
        assert time.monotonic() - start < MAX_SECONDS

    before = peak_memory()
    run()
    assert peak_memory() - before < MAX_GROWTH


@contextmanager
def kept_connection() -> Iterator[None]:
    """Let requests to the WSGI application use the test's own transaction, as Django's client does.

    At the end of a request the application would close a connection that is inside a transaction.
    """
    ends = (signals.request_started, signals.request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    try:
        yield
    finally:
        for end in ends:
            end.connect(close_old_connections)


def peak_memory() -> int:
    """Return the most bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@st.composite
def damaged(draw: st.DrawFn, good: tuple[bytes, ...]) -> bytes:
    """Return a file that is good but for some bytes, a cut, a repetition or an insertion."""
    data = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 4))):
        # Parsers are misled by headers, so half of the damage is done there.
        end = draw(st.sampled_from([min(200, len(data)), len(data)]))
        at = draw(st.integers(0, max(end - 1, 0)))
        kind = draw(st.sampled_from(["change", "cut", "insert", "repeat", "numbers"]))
        if kind == "change":
            data[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif kind == "cut":
            del data[at:]
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=40))
        elif kind == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 200))]
        else:  # lengths and sizes are often 4 bytes
            data[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"]))
    return bytes(data)
