"""Take things in lists of bounded size, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most `size` (itertools.batched, which Python 3.11 lacks)."""
    iterator = iter(things)
    while batch := list(islice(iterator, size)):
        yield batch
