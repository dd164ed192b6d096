"""Measured images and their subgroups: by view, group, source and size of the infection.

A subgroup with too few images is named without figures, which would reveal single images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from annotation.models import Image
from annotation.selectors.rounds.sealed import MIN_SHOWN
from mlloop.figures.metrics import Counts, estimate

Plain = dict[str, object]
_KINDS = ("view", "group", "source", "infection size")
_NO_INFECTION = "0none"


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """One image with its counts. `peak` is the highest probability of its map, 0 to 255."""

    patient: str
    counts: Counts
    image: Image | None
    peak: int = 0

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
    for kind, name, members in _subgroups(images):
        line: Plain = {"by": kind, "name": name, "n": len(members)}
        if len(members) < at_least:
            line["hidden"] = explain_hidden(len(members), at_least)
        else:
            counts = [image.counts for image in members]
            patients = [image.patient for image in members]
            line["per_image"] = estimate(counts, patients, convention="per_image").as_json()
            line["pooled"] = estimate(counts, patients, convention="pooled").as_json()
        lines.append(line)
    return lines


def explain_hidden(n: int, at_least: int = MIN_SHOWN) -> str:
    """Return the sentence that says why figures over `n` images are not shown."""
    return f"n = {n}: figures over fewer than {at_least} images are not shown"


def _subgroups(
    images: Sequence[MeasuredImage],
) -> Iterator[tuple[str, str, list[MeasuredImage]]]:
    """Yield the kind and the name of each subgroup, and its images."""
    with_infection = [image for image in images if image.share > 0]
    if 0 < len(with_infection) < len(images):
        yield "without controls", "infected films", with_infection
    shares = sorted(image.share for image in with_infection)
    cuts = [shares[len(shares) * i // 3] for i in (1, 2)] if len(shares) > 2 else []
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
    low, high = (f"{cut:.1%}" for cut in cuts)
    names = (f"1under {low} of the film", f"2{low} to {high}", f"3{high} and more")
    return names[sum(share >= cut for cut in cuts)]
