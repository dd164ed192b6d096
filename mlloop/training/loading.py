"""Prepare batches in background threads while the network computes the previous batch.

A batch depends only on the seed and its step. The number and the order of threads change nothing.
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
    """Returns `make(step)` for each step from `first` to `end - 1`, in order.

    Up to `ahead` further batches are prepared early.
    """

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
        """Return the next batch, or raise the error that `make` raised for it."""
        batch = self._waiting.popleft().result()
        self._fill()
        return batch

    def _fill(self) -> None:
        while self._next < self._end and len(self._waiting) <= self._ahead:
            self._waiting.append(self._pool.submit(self._make, self._next))
            self._next += 1
