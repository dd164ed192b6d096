"""Batches prepared in the background, in order, while the network is busy with the one before.

A batch depends on the seed and its step alone, so neither the number of threads nor their order
changes a bit of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from torch import Tensor

Batch = tuple[Tensor, Tensor]


class Loader:
    """Hands out `make(step)` for each step from `first` to before `end`, up to `ahead` early."""

    def __init__(
        self, make: Callable[[int], Batch], *, first: int, end: int, threads: int, ahead: int
    ) -> None:
        self._make, self._next, self._end, self._ahead = make, first, end, ahead
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="load")
        self._waiting: deque[Future[Batch]] = deque()

    def __enter__(self) -> Self:
        self._fill()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def next(self) -> Batch:
        """Return the next batch; what went wrong in making it is raised here."""
        batch = self._waiting.popleft().result()
        self._fill()
        return batch

    def _fill(self) -> None:
        while self._next < self._end and len(self._waiting) <= self._ahead:
            self._waiting.append(self._pool.submit(self._make, self._next))
            self._next += 1
