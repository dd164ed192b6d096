"""Finds the files that each line of a folder's metadata names, without opening them.

Refuses a wrong line, an image that is missing or listed twice, and a named mask that is missing.
The error names the line and the reason.
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
    """The folders of images and masks, and the metadata file. No other file is opened."""

    images: Path
    metadata: Path
    masks: Path | None = None
    lung_masks: Path | None = None


@dataclass(frozen=True, slots=True)
class ListedFilm:
    """A line of the metadata with its files, not yet opened."""

    line: MetadataLine
    path: Path
    mask: Path | None
    lung: Path | None

    @property
    def patient(self) -> str:
        """Return a hash of the patient. An image without a patient counts as one patient."""
        key = f"patient {self.line.patient}" if self.line.patient else f"image {self.line.image}"
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    @property
    def is_known(self) -> bool:
        """Say whether its infection is known: it has a mask, or it is a control (empty mask)."""
        return self.mask is not None or self.line.group == "normal"


def list_files(folders: Folders, *, only_known: bool) -> Iterator[ListedFilm]:
    """Yield each line with its files, in the order of the metadata. Raises LearningError.

    `only_known` leaves out images without a known infection mask.
    """
    for folder in (folders.images, folders.masks, folders.lung_masks):
        if folder is not None and not folder.is_dir():
            raise folder_error(f"The folder {folder} does not exist.")
    where, first = folders.metadata.parent, dict[Path, MetadataLine]()
    for line in _read_lines(folders.metadata):
        path = _find_inside(folders.images, line.image, where)
        before = first.setdefault(path or Path(line.image), line)
        if before is not line:
            raise folder_error(_listed_twice_sentence(before, line, folders.metadata.name))
        mask = _find_mask(line, "infection", folders.masks, where)
        if mask is None and line.group != "normal" and only_known:
            continue
        if path is None:
            raise folder_error(
                f"Line {line.line}: the image {line.image!r} is not in {folders.images}."
            )
        yield ListedFilm(line, path, mask, _find_mask(line, "lung", folders.lung_masks, where))


def _read_lines(metadata: Path) -> Iterator[MetadataLine]:
    try:
        for line in read_metadata(metadata):
            if isinstance(line, RefusedLine):
                raise folder_error(f"{metadata.name}: {line.reason}")
            yield line
    except MetadataError as error:
        raise folder_error(str(error)) from error


def _listed_twice_sentence(first: MetadataLine, second: MetadataLine, name: str) -> str:
    spelled = f" (as {first.image!r})" if first.image != second.image else ""
    return (
        f"{name}: the image {second.image!r} is listed twice, on line {first.line}{spelled} and on"
        f" line {second.line}. Leave one of them out."
    )


def _find_mask(line: MetadataLine, label: str, folder: Path | None, where: Path) -> Path | None:
    if folder is None:
        return None
    if named := line.masks.get(label):
        path = _find_inside(folder, named, where)
        if path is None:
            raise folder_error(f"Line {line.line}: the {label} mask {named!r} is not in {folder}.")
        return path
    stem = Path(line.image).stem
    beside = (_find_inside(folder, name, where) for name in (f"{stem}.png", f"mask_{stem}.png"))
    return next((path for path in beside if path), None)


def _find_inside(folder: Path, name: str, where: Path) -> Path | None:
    """Return the file `name` under `folder`, or beside the metadata inside `folder`."""
    root = folder.resolve()
    for start in (root, where.resolve()):
        path = (start / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            return path
    return None


def folder_error(sentence: str) -> LearningError:
    """Return the error that refuses a folder."""
    return LearningError("unusable_folder", sentence)
