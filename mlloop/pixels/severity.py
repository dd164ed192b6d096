"""Measures how much of each lung is infected, by zone, with a grade and a list of lesions.

Works on masks only. Every infected pixel is counted: infection outside the lungs and very small
lesions have fields of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlloop.pixels.arrays import BoolArray
from mlloop.pixels.masks import MaskError
from mlloop.pixels.thorax import (
    SIDES,
    ZONES,
    Border,
    Side,
    Zone,
    Zones,
    cut_zones,
    label_parts,
    split_lungs,
)

Grade = Literal["none", "mild", "moderate", "severe", "critical"]
GRADES: tuple[Grade, ...] = ("none", "mild", "moderate", "severe", "critical")
# These two sentences are stored with findings and written into releases, so their words stay.
NO_LUNG = "There is no lung mask, so no share of the lungs can be said."
EMPTY_LUNG = "The lung mask is empty, so no share of the lungs can be said."
MAX_LESIONS = 50  # listed; the rest is counted


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the lungs, in pixels. `share` is NaN if the part has no pixel."""

    name: str
    pixels: int
    infected: int

    @property
    def share(self) -> float:
        """The infected share, 0..1."""
        return self.infected / self.pixels if self.pixels else math.nan


@dataclass(frozen=True, slots=True)
class Lung:
    """One lung, its zones from top to bottom, and the borders between them."""

    whole: Part
    zones: tuple[Part, ...]
    borders: tuple[Border, ...]


@dataclass(frozen=True, slots=True)
class Lesion:
    """One connected infected region. `side` and `zone` name the zone with most of its pixels.

    `side` is None without a lung mask, and "outside" if the region touches no lung.
    """

    pixels: int
    area_mm2: float | None
    side: Side | Literal["outside"] | None
    zone: Zone | None


@dataclass(frozen=True, slots=True)
class Lesions:
    """All lesions: `listed` has the largest first; lesions below `smallest` pixels are counted."""

    listed: tuple[Lesion, ...]
    smallest: int
    n_smaller: int
    smaller_pixels: int


@dataclass(frozen=True, slots=True)
class Findings:
    """The measures of one infection mask in its lungs. If `grade` is None, `reason` says why."""

    both: Part
    lungs: tuple[Lung, ...]
    outside_pixels: int
    grade: Grade | None
    reason: str
    cutoffs: tuple[float, ...]
    lesions: Lesions

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values, None for NaN, with the `MAX_LESIONS` largest lesions."""
        listed = self.lesions.listed
        return {
            "schema": 1,
            "grade": self.grade,
            "reason": self.reason,
            "cutoffs": list(self.cutoffs),
            "both": _part(self.both),
            "lungs": [
                {
                    **_part(lung.whole),
                    "zones": [_part(zone) for zone in lung.zones],
                    "borders": [asdict(border) for border in lung.borders],
                }
                for lung in self.lungs
            ],
            "outside_pixels": self.outside_pixels,
            "n_lesions": len(listed),
            "lesions": [asdict(lesion) for lesion in listed[:MAX_LESIONS]],
            "smallest_lesion_pixels": self.lesions.smallest,
            "n_smaller": self.lesions.n_smaller,
            "smaller_pixels": self.lesions.smaller_pixels,
        }


def measure_findings(
    infection: BoolArray,
    lung: BoolArray | None,
    *,
    cutoffs: Sequence[float],
    smallest_share: float,
    spacing_mm: float | None = None,
    film_shape: tuple[int, int] | None = None,
) -> Findings:
    """Measure an infection mask `(H, W) bool` in its lung mask of the same size, or None.

    `smallest_share` is the area of the smallest listed lesion, as a share of the image.
    `spacing_mm` is the width of one pixel of these masks. `film_shape` is the height and width of
    the film if the masks are smaller. All results are in pixels of the film. Raises MaskError if
    the sizes of the masks differ.
    """
    lung_mask = np.zeros_like(infection) if lung is None else lung
    if lung_mask.shape != infection.shape:
        raise MaskError(
            f"The infection mask is {infection.shape}, the lung mask {lung_mask.shape}."
        )
    film_shape = film_shape or infection.shape
    pixels_each = film_shape[0] * film_shape[1] / infection.size
    cut = cut_zones(lung_mask, split_lungs(lung_mask))
    lungs = _measure_lungs(cut, infection, film_shape)
    both = Part(
        "both",
        sum(side.whole.pixels for side in lungs),
        sum(side.whole.infected for side in lungs),
    )
    reason = "" if both.pixels else NO_LUNG if lung is None else EMPTY_LUNG
    least = max(1, round(smallest_share * infection.size))
    return Findings(
        both=both,
        lungs=lungs,
        outside_pixels=_scaled(np.count_nonzero(infection & ~lung_mask), pixels_each),
        grade=None if reason else grade_of(both.share, cutoffs),
        reason=reason,
        cutoffs=tuple(cutoffs),
        lesions=_find_lesions(infection, cut.codes, least, spacing_mm, pixels_each),
    )


def grade_of(share: float, cutoffs: Sequence[float]) -> Grade:
    """Return the grade of an infected share: each cut-off belongs to the grade above it."""
    return GRADES[sum(share >= cutoff for cutoff in cutoffs)]


def _measure_lungs(
    cut: Zones, infection: BoolArray, film_shape: tuple[int, int]
) -> tuple[Lung, ...]:
    n_codes = len(SIDES) * len(ZONES) + 1
    area = np.bincount(cut.codes.ravel(), minlength=n_codes)
    infected = np.bincount(cut.codes[infection], minlength=n_codes)
    down, across = film_shape[0] / infection.shape[0], film_shape[1] / infection.shape[1]
    pixels_each = film_shape[0] * film_shape[1] / infection.size
    lungs = []
    for i, side in enumerate(SIDES):
        first = 1 + i * len(ZONES)
        zones = tuple(
            Part(
                zone,
                _scaled(area[first + j], pixels_each),
                _scaled(infected[first + j], pixels_each),
            )
            for j, zone in enumerate(ZONES)
        )
        whole = Part(side, sum(z.pixels for z in zones), sum(z.infected for z in zones))
        borders = tuple(_on_film(border, down, across) for border in cut.borders[i])
        lungs.append(Lung(whole, zones, borders))
    return tuple(lungs)


def _on_film(border: Border, down: float, across: float) -> Border:
    """Return a border in pixels of the film.

    Its columns are wide enough for the lung mask at the film's size. The edge of that mask may be
    anywhere within a pixel of the smaller mask.
    """
    room = across - 1
    left = max(0, math.floor(border.left * across - room))
    return Border(round(border.row * down), left, math.ceil(border.right * across + room))


def _find_lesions(
    infection: BoolArray,
    codes: npt.NDArray[np.uint8],
    least: int,
    spacing_mm: float | None,
    pixels_each: float,
) -> Lesions:
    """Return the connected regions. A region belongs to the zone with most of its pixels."""
    labels, count = label_parts(infection)
    n_codes = len(SIDES) * len(ZONES) + 1
    pairs = labels[infection].astype(np.int64) * n_codes + codes[infection]
    # One row for each region, with its pixels in each zone.
    table = np.bincount(pairs, minlength=(count + 1) * n_codes).reshape(count + 1, n_codes)[1:]
    sizes = table.sum(axis=1)
    chosen = np.argsort(-sizes, kind="stable")[: int(np.count_nonzero(sizes >= least))]
    has_lung = bool(codes.any())
    small = sizes[sizes < least]
    return Lesions(
        listed=tuple(_make_lesion(table[i], has_lung, spacing_mm, pixels_each) for i in chosen),
        smallest=_scaled(least, pixels_each),
        n_smaller=len(small),
        smaller_pixels=_scaled(small.sum(), pixels_each),
    )


def _make_lesion(
    row: npt.NDArray[np.int64], has_lung: bool, spacing_mm: float | None, pixels_each: float
) -> Lesion:
    size = int(row.sum())
    area = None if spacing_mm is None else round(size * spacing_mm**2, 1)
    pixels = _scaled(size, pixels_each)
    if not has_lung:
        return Lesion(pixels, area, None, None)
    if not row[1:].any():
        return Lesion(pixels, area, "outside", None)
    side, zone = divmod(int(row[1:].argmax()), len(ZONES))
    return Lesion(pixels, area, SIDES[side], ZONES[zone])


def _scaled(count: int | np.integer, pixels_each: float) -> int:
    """Return a number of mask pixels in pixels of the film."""
    return round(int(count) * pixels_each)


def _part(part: Part) -> dict[str, object]:
    share = None if math.isnan(part.share) else round(part.share, 4)
    return {"name": part.name, "pixels": part.pixels, "infected": part.infected, "share": share}
