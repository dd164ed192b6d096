"""The files of a plain folder: what each line of its metadata names, found but not yet opened.

Refuses a line that is wrong, an image that is not there or listed twice, and a named mask that is
not there, with the line and the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlloop.contract.errors import LearningError
from mlloop.contract.metadata_csv import MetadataError, MetadataLine, RefusedLine, read_metadata


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the images, their masks and the metadata lie; nothing outside of them is opened."""

    images: Path
    metadata: Path
    masks: Path | None = None
    lung_masks: Path | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A line with its files found but not yet opened."""

    line: MetadataLine
    path: Path
    mask: Path | None
    lung: Path | None

    @property
    def patient(self) -> str:
        """Return a hash of the patient; an image without one is its own patient."""
        key = f"patient {self.line.patient}" if self.line.patient else f"image {self.line.image}"
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    @property
    def is_known(self) -> bool:
        """Tell whether the infection on it is known: a control has an implied empty mask."""
        return self.mask is not None or self.line.group == "normal"


def list_files(folders: Folders, *, only_known: bool) -> Iterator[Listed]:
    """Yield each line with its files, in the order of the metadata. Raises LearningError.

    `only_known` leaves out images on which nobody marked infection.
    """
    for folder in (folders.images, folders.masks, folders.lung_masks):
        if folder is not None and not folder.is_dir():
            raise unusable(f"There is no folder {folder}.")
    where, first = folders.metadata.parent, dict[Path, MetadataLine]()
    for line in _lines(folders.metadata):
        path = _inside(folders.images, line.image, where)
        before = first.setdefault(path or Path(line.image), line)
        if before is not line:
            raise unusable(_listed_twice(before, line, folders.metadata.name))
        mask = _mask(line, "infection", folders.masks, where)
        if mask is None and line.group != "normal" and only_known:
            continue
        if path is None:
            raise unusable(
                f"Line {line.line}: the image {line.image!r} is not in {folders.images}."
            )
        yield Listed(line, path, mask, _mask(line, "lung", folders.lung_masks, where))


def _lines(metadata: Path) -> Iterator[MetadataLine]:
    try:
        for line in read_metadata(metadata):
            if isinstance(line, RefusedLine):
                raise unusable(f"{metadata.name}: {line.reason}")
            yield line
    except MetadataError as error:
        raise unusable(str(error)) from error


def _listed_twice(first: MetadataLine, second: MetadataLine, name: str) -> str:
    spelled = f" (as {first.image!r})" if first.image != second.image else ""
    return (
        f"{name}: the image {second.image!r} is listed twice, on line {first.line}{spelled} and on"
        f" line {second.line}. Leave one of them out."
    )


def _mask(line: MetadataLine, label: str, folder: Path | None, where: Path) -> Path | None:
    if folder is None:
        return None
    if named := line.masks.get(label):
        found = _inside(folder, named, where)
        if found is None:
            raise unusable(f"Line {line.line}: the {label} mask {named!r} is not in {folder}.")
        return found
    stem = Path(line.image).stem
    beside = (_inside(folder, name, where) for name in (f"{stem}.png", f"mask_{stem}.png"))
    return next((path for path in beside if path), None)


def _inside(folder: Path, name: str, where: Path) -> Path | None:
    """Return the file `name` under `folder`, or beside the metadata if that too is under it."""
    root = folder.resolve()
    for start in (root, where.resolve()):
        path = (start / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            return path
    return None


def unusable(sentence: str) -> LearningError:
    """Return the refusal of a folder, told in one sentence."""
    return LearningError("unusable_folder", sentence)
