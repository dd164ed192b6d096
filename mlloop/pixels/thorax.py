"""Divides the lung mask of a frontal film into the right and left lung and their zones.

The left of the image is the patient's right, as on a standard film. Every pixel of the lung mask
gets exactly one side and one zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mlloop.pixels.arrays import BoolArray, IntArray

Side = Literal["right", "left"]
Zone = Literal["upper", "middle", "lower"]
SIDES: tuple[Side, ...] = ("right", "left")
ZONES: tuple[Zone, ...] = ("upper", "middle", "lower")

_TOUCHING = np.ones((3, 3), np.int64)  # pixels that touch at a corner are connected
_MAIN = 0.2  # a part with this share of the largest part may be a lung, not a speck
_APART = 0.1  # the smallest distance of the centres of two lungs, as a share of the image's width
_ACROSS = 0.2  # a part with this share of its pixels on each side of the mid-line holds both lungs


def label_parts(mask: BoolArray) -> tuple[npt.NDArray[np.int32], int]:
    """Return labels `(H, W) int32`, from 1, of the connected parts of a mask, and their number.

    Searches only the rectangle around the mask, because a lesion is a small part of a film.
    """
    labels = np.zeros(mask.shape, np.int32)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return labels, 0
    inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    labels[inside], count = ndimage.label(mask[inside], structure=_TOUCHING)
    return labels, int(count)


def split_lungs(lung: BoolArray) -> BoolArray:
    """Return the pixels `(H, W) bool` of a lung mask that belong to the patient's left lung.

    Two large parts side by side are the two lungs, even if a part crosses the mid-line. Otherwise
    the mid-line is the column with the fewest lung pixels in the middle third of the image. A large
    part that reaches far across the mid-line is cut there. Any other part goes to the side of its
    centre.
    """
    labels, count = label_parts(lung)
    if count == 0:
        return np.zeros(lung.shape, np.bool_)
    columns = np.nonzero(lung)[1]
    owners = labels[lung] - 1
    sizes = np.bincount(owners, minlength=count)
    centres = np.bincount(owners, columns, minlength=count) / sizes
    main = _main_parts(sizes)
    width = lung.shape[1]
    if len(main) == 2 and abs(centres[main[0]] - centres[main[1]]) >= _APART * width:
        return _select_parts(centres > centres[main].mean(), labels)
    midline = _find_midline(lung)
    is_left = _select_parts(centres > midline, labels)
    beyond = np.arange(width) > midline
    for part in main:
        inside = labels == part + 1
        share = np.count_nonzero(inside[:, beyond]) / sizes[part]
        if _ACROSS <= share <= 1 - _ACROSS:
            is_left[inside] = np.broadcast_to(beyond, lung.shape)[inside]
    return is_left


@dataclass(frozen=True, slots=True)
class Border:
    """The border of two zones of a lung: `row` is the first row of the lower zone.

    `left` is the first column of the lung there, `right` the first column beyond it.
    """

    row: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Zones:
    """The zones of a lung mask.

    `codes` `(H, W) uint8` is 0 outside, 1 to 3 in the right lung from top to bottom, and 4 to 6 in
    the left lung. `borders` holds the borders of each side from top to bottom, and is empty for a
    side without a lung.
    """

    codes: npt.NDArray[np.uint8]
    borders: tuple[tuple[Border, ...], ...]


def cut_zones(lung: BoolArray, is_left: BoolArray) -> Zones:
    """Cut each lung of a mask `(H, W) bool` into thirds of the height of its largest part.

    Specks above or below that part belong to the nearest zone.
    """
    codes = np.zeros(lung.shape, np.uint8)
    borders: list[tuple[Border, ...]] = []
    for i, side in enumerate((lung & ~is_left, lung & is_left)):
        starts = _zone_starts(side) if side.any() else np.empty(0, np.int64)
        third = np.searchsorted(starts, np.arange(lung.shape[0]), side="right")
        rows = (1 + i * len(ZONES) + third).astype(np.uint8)
        np.copyto(codes, rows[:, None], where=side)
        borders.append(tuple(_border(side, int(row)) for row in starts))
    return Zones(codes, tuple(borders))


def _select_parts(chosen: BoolArray, labels: npt.NDArray[np.int32]) -> BoolArray:
    """Return the pixels `(H, W) bool` of the chosen parts. Label 0 is the background."""
    pixels: BoolArray = np.concatenate(([False], chosen))[labels]
    return pixels


def _main_parts(sizes: IntArray) -> IntArray:
    """Return the largest part, and the second if it may be a lung too."""
    largest = np.argsort(-sizes, kind="stable")[:2]
    main: IntArray = largest[sizes[largest] >= _MAIN * sizes[largest[0]]]
    return main


def _find_midline(lung: BoolArray) -> float:
    """Return the column of the middle third with the fewest lung pixels, or the mean of several."""
    width = lung.shape[1]
    middle = np.arange(width // 3, width - width // 3)
    heights = lung[:, middle].sum(axis=0)
    emptiest = middle[heights == heights.min()]
    return float(emptiest.mean())


def _zone_starts(side: BoolArray) -> IntArray:
    """Return the first row of the middle and the lower zone of one lung."""
    labels, count = label_parts(side)
    if count > 1:
        side = labels == 1 + int(np.bincount(labels[side] - 1).argmax())
    rows = np.flatnonzero(side.any(axis=1))
    top, height = rows[0], rows[-1] - rows[0] + 1
    starts: IntArray = top - (-height * np.arange(1, len(ZONES)) // len(ZONES))
    return starts


def _border(side: BoolArray, row: int) -> Border:
    columns = np.flatnonzero(side[row - 1 : row + 1].any(axis=0))
    return Border(row, int(columns[0]), int(columns[-1]) + 1)
