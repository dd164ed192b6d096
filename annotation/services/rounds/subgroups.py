"""Measured images and their subgroups: by view, group, source and size of the infection.

Sealed subgroups are of whole cells (cells.py). One without a whole cell is named without figures,
and without its number of images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from annotation.models import Image
from annotation.selectors.rounds.cells import MIN_FILMS, SMALL_INFECTION, in_whole_cells
from annotation.selectors.rounds.sealed import rounded
from mlloop.figures.metrics import Convention, Counts, Estimate, estimate

Plain = dict[str, object]
_KINDS = ("view", "group", "source", "infection size")
_NO_INFECTION = "0none"
HIDDEN = f"not shown: with the other figures it would tell about fewer than {MIN_FILMS} images"


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """One image with its counts. `peak` is the highest probability of its map, 0 to 255.

    `cell` is the cell of a sealed image; other images have none.
    """

    patient: str
    counts: Counts
    image: Image | None
    peak: int = 0
    cell: int = 0

    @property
    def share(self) -> float:
        """The infected share of the film by its reference, 0 to 1."""
        return (self.counts.tp + self.counts.fn) / max(1, self.pixels)

    @property
    def pixels(self) -> int:
        """The number of pixels of the film."""
        return self.counts.tp + self.counts.fp + self.counts.fn + self.counts.tn

    @property
    def source(self) -> str:
        """The source that the import named, or words that say it named none."""
        return (str(self.image.source) if self.image else "") or "no source named"


def measure_subgroups(images: Sequence[MeasuredImage], *, at_least: int) -> list[Plain]:
    """Return Dice of each subgroup; below `at_least` images, only their number."""
    lines = []
    for kind, name, members in _subgroups(images, _thirds(images)):
        line: Plain = {"by": kind, "name": name, "n": len(members)}
        if len(members) < at_least:
            n = len(members)
            line["hidden"] = f"n = {n}: figures over fewer than {at_least} images are not shown"
        else:
            line |= {
                "per_image": _estimate(members, "per_image").as_json(),
                "pooled": _estimate(members, "pooled").as_json(),
            }
        lines.append(line)
    return lines


def measure_sealed_subgroups(images: Sequence[MeasuredImage]) -> list[Plain]:
    """Return Dice of each subgroup of sealed images, from its whole cells."""
    lines = []
    for kind, name, members in _subgroups(images, (SMALL_INFECTION,)):
        line: Plain = {"by": kind, "name": name}
        if shown := of_whole_cells(images, members):
            line |= {
                "n": len(shown),
                "per_image": hide_small(_estimate(shown, "per_image")),
                "pooled": hide_small(_estimate(shown, "pooled")),
            }
        else:
            line["hidden"] = HIDDEN
        lines.append(line)
    return lines


def of_whole_cells(
    images: Sequence[MeasuredImage], members: Sequence[MeasuredImage]
) -> list[MeasuredImage]:
    """Return the members of the cells that lie wholly among them; none of images without cells."""
    ids = {id(image) for image in members}
    whole = in_whole_cells(images, lambda image: id(image) in ids)
    return [image for image in whole if image.cell]


def hide_small(measured: Estimate) -> Plain:
    """Return a sealed estimate, rounded, without its figures if fewer than 20 images have one."""
    plain = rounded(dict(measured.as_json()))
    if measured.n < MIN_FILMS:
        plain |= {"value": None, "ci_low": None, "ci_high": None}
    return dict(plain)


def _estimate(members: Sequence[MeasuredImage], convention: Convention) -> Estimate:
    counts = [image.counts for image in members]
    patients = [image.patient for image in members]
    return estimate(counts, patients, convention=convention)


def _subgroups(
    images: Sequence[MeasuredImage], cuts: Sequence[float]
) -> Iterator[tuple[str, str, list[MeasuredImage]]]:
    """Yield the kind and the name of each subgroup, and its images; `cuts` divide the sizes."""
    with_infection = [image for image in images if image.share > 0]
    if 0 < len(with_infection) < len(images):
        yield "without controls", "infected films", with_infection
    for kind in _KINDS:
        named = [(_subgroup_name(image, kind, cuts), image) for image in images]
        for name in sorted({name for name, _ in named if name}):
            members = [image for subgroup, image in named if subgroup == name]
            yield kind, name[1:] if kind == "infection size" else name, members


def _subgroup_name(image: MeasuredImage, kind: str, cuts: Sequence[float]) -> str:
    """Return the name of an image's subgroup, empty if it has none.

    The name of a size begins with its rank, by which sizes are sorted.
    """
    if kind == "infection size":
        return _size_name(image.share, cuts)
    if kind == "source":
        return image.source
    if image.image is None:
        return ""
    return str(image.image.view_position if kind == "view" else image.image.group)


def _size_name(share: float, cuts: Sequence[float]) -> str:
    if share == 0:
        return _NO_INFECTION
    if not cuts:
        return ""
    written = [f"{cut:.1%}" for cut in cuts]
    rank = sum(share >= cut for cut in cuts)
    if rank == 0:
        return f"1under {written[0]} of the film"
    if rank == len(cuts):
        return f"{rank + 1}{written[-1]} and more"
    return f"{rank + 1}{written[rank - 1]} to {written[rank]}"


def _thirds(images: Sequence[MeasuredImage]) -> Sequence[float]:
    """Return the shares that divide the infected images into thirds; empty if they are too few."""
    shares = sorted(image.share for image in images if image.share > 0)
    return [shares[len(shares) * i // 3] for i in (1, 2)] if len(shares) > 2 else []
