"""The weights of an ensemble's networks, from sums over the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlloop.pixels.arrays import BoolArray, ByteArray, IntArray

PARTS = 840  # the sum of an ensemble's weights; it divides evenly among up to 8 networks


@dataclass(slots=True)
class WeightSums:
    """Sums of the products of the networks' maps with each other and with the truth."""

    products: IntArray
    with_truth: IntArray

    @classmethod
    def zeros(cls, networks: int) -> WeightSums:
        """Return the sums over no image."""
        return cls(np.zeros((networks, networks), np.int64), np.zeros(networks, np.int64))

    @classmethod
    def add_up(cls, sets: Sequence[WeightSums], networks: int) -> WeightSums:
        """Return the sums over several sets of images."""
        total = cls.zeros(networks)
        for sums in sets:
            total.products += sums.products
            total.with_truth += sums.with_truth
        return total

    def add(self, maps: Sequence[ByteArray], truth: BoolArray) -> None:
        """Add the maps `(h, w)` of one image, in the plan's order of networks."""
        values = np.stack(maps).astype(np.int64).reshape(len(maps), -1)
        self.products += values @ values.T
        self.with_truth += values @ truth.ravel().astype(np.int64)

    def fit(self) -> tuple[int, ...]:
        """Return the whole-number weights, with the sum `PARTS`, of the least squared error.

        Starts from equal parts and moves one part at a time between two networks while the error
        falls. The error is convex in the weights, so the result is within one part of the best.
        """
        parts = equal_parts(len(self.with_truth))
        best = self._error(parts)
        while True:
            tried = [(self._error(moved), moved) for moved in _list_moves(parts)]
            error, moved = min(tried, default=(best, parts))
            if error >= best:
                return tuple(parts)
            best, parts = error, moved

    def _error(self, parts: list[int]) -> int:
        """Return the exact squared error times `PARTS` squared, without its constant term."""
        squares = sum(
            first * second * int(self.products[i, j])
            for i, first in enumerate(parts)
            for j, second in enumerate(parts)
        )
        overlap = sum(part * int(sums) for part, sums in zip(parts, self.with_truth, strict=True))
        return squares - 2 * 255 * PARTS * overlap


def equal_parts(networks: int) -> list[int]:
    """Return whole-number weights with the sum `PARTS` that are as equal as possible."""
    share, left = divmod(PARTS, networks)
    return [share + (i < left) for i in range(networks)]


def _list_moves(parts: list[int]) -> list[list[int]]:
    """Return every way to move one part from one network to another."""
    moves = []
    for giver, part in enumerate(parts):
        for taker in range(len(parts)):
            if part > 0 and giver != taker:
                moved = list(parts)
                moved[giver] -= 1
                moved[taker] += 1
                moves.append(moved)
    return moves
