"""The neutral record of a release: each image with its masks and their biography, and the whole.

Every layout is written from this record, and none of its paths or file formats is in here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlloop.pixels.severity import Findings

Part = Literal["open", "sealed"]


@dataclass(frozen=True, slots=True)
class EditFigures:
    """The changes and the time of a reader's edit, in pixels of the image and in pixel edges."""

    added_pixels: int
    removed_pixels: int
    redrawn_contour: int
    agreement: float | None
    active_seconds: float
    strokes: int


@dataclass(frozen=True, slots=True)
class ReleasedLung:
    """The lung mask released with an infection mask, and the severity of the infection in it.

    The lung mask is a reference, or the proposal of the ensemble of round number `round`.
    """

    provenance: Literal["reference", "ensemble"]
    round: int | None
    severity: Findings


@dataclass(frozen=True, slots=True)
class ReleasedImage:
    """One image and its mask, with the mask's biography; the pixels are in `ImageContent`.

    `candidate` is what the mask was made from: a kind of proposal, `manual` or `none`. `drawn_by`
    is the pseudonym of the person who drew the manual candidate, if known. `reader` is the
    pseudonym of the person who decided. `blind` says whether that person knew nothing but the case:
    no proposal's origin, and no name, group, round or release of the project. It is None if nobody
    read the image here.
    """

    name: str
    label: str
    width: int
    height: int
    bits: int
    group: str
    view: str
    day: int | None
    patient: str
    split: str
    fold: int
    infected_pixels: int
    verdict: str
    method: str
    provenance: str
    round: int | None
    candidate: str
    drawn_by: str | None
    network: str | None
    threshold: int | None
    reader: str | None
    origin: str
    licence: str
    edit: EditFigures | None
    lung: ReleasedLung | None = None
    blind: bool | None = None

    @property
    def grade(self) -> str | None:
        """Return the grade of severity; None if no lung mask is known."""
        return None if self.lung is None else self.lung.severity.grade or "not graded"


@dataclass(frozen=True, slots=True)
class StoredContent:
    """Bytes that are stored already: a layout may name them without reading them."""

    sha256: str
    size: int
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class ImageContent:
    """One released image with its bytes: the film as 8- or 16-bit grey PNG, masks as 0/255 PNG."""

    image: ReleasedImage
    film: StoredContent
    mask: StoredContent
    lung: StoredContent | None = None


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """One part of a release as a whole; `project` is the project's slug.

    The sealed part has the sealed images and nothing else. The open part has all other images.
    `audit` is the head of the audit's hash chain when the release was requested: length and sha256.
    """

    project: str
    version: str
    asked_at: str
    images: Sequence[ReleasedImage]
    part: Part = "open"
    audit: Mapping[str, object] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Return the counts that the manifest and the card both print."""
        counted = Counter[str]()
        for image in self.images:
            counted["masks"] += 1
            counted[f"split.{image.split}"] += 1
            counted[f"group.{image.group}"] += 1
            counted[f"verdict.{image.verdict}"] += 1
            counted["empty_masks"] += not image.infected_pixels
            counted["blind_reads"] += image.blind is True
            if image.lung:
                counted[f"severity.{image.grade}"] += 1
                counted[f"lung_masks.{image.lung.provenance}"] += 1
        counted["patients"] = len({image.patient for image in self.images})
        return dict(sorted(counted.items()))
