"""List the files that an import offers: the lines of a metadata file, or all files of a folder.

This file owns the rules for paths: no `..`, absolute path or link may lead out of the folder. It
opens no image.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from annotation.services.intake.report import Refusal
from mlloop.contract.metadata_csv import MetadataLine, RefusedLine, View, count_lines, read_metadata
from mlloop.contract.splits import Group

METADATA_NAME = "metadata.csv"
_IGNORED_SUFFIXES = frozenset({".csv", ".md", ".txt", ".json", ".html", ".pdf", ".xlsx", ".zip"})
MaskKey = Literal["infection", "lung"]


@dataclass(frozen=True, slots=True)
class Source:
    """The folder of an import, its metadata file, and its mask folders by label.

    No path in the metadata may lead out of `folder`.
    """

    folder: Path
    metadata: Path | None
    masks: Mapping[str, Path]
    group: Group = "covid"


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A mask that is offered with an image; if `path` is None, `problem` says why."""

    name: str
    path: Path | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """One offered image with its metadata; an empty `patient` means unknown."""

    name: str
    path: Path
    group: Group
    patient: str = ""
    view: View = ""
    day: int | None = None
    finding: str = ""
    source: str = ""
    licence: str = ""
    masks: Mapping[str, MaskFile] | None = None
    mask_origin: str = ""

    @property
    def draw_key(self) -> str:
        """Return the patient's key for a draw; each file without a patient counts as a patient."""
        return self.patient or f"file {self.name}"


def offers(source: Source) -> Iterator[Offer | Refusal]:
    """Yield the offered images and the refused lines, in a fixed order. Raises MetadataError."""
    if source.metadata is not None:
        return _offers_of_metadata(source, source.metadata)
    return _offers_of_folder(source)


def count_offers(source: Source) -> int:
    """Return how many items `offers` will yield, without opening an image."""
    if source.metadata is not None:
        return count_lines(source.metadata)
    return sum(1 for _ in _image_files(source.folder.resolve(), _mask_folders(source)))


def _mask_folders(source: Source) -> set[Path]:
    return {folder.resolve() for folder in source.masks.values()}


def _offers_of_metadata(source: Source, metadata: Path) -> Iterator[Offer | Refusal]:
    root = source.folder.resolve()
    for line in read_metadata(metadata, default_group=source.group):
        if isinstance(line, RefusedLine):
            yield Refusal(line.image, "metadata_line", line.reason)
            continue
        try:
            yield _offer_of_line(source, root, line)
        except _PathError as error:
            yield Refusal(line.image, error.code, f"Line {line.line}: {error!s}")


class _PathError(ValueError):
    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def _offer_of_line(source: Source, root: Path, line: MetadataLine) -> Offer:
    path = _path_inside(root, line.image)
    masks = {key: _named_mask(root, name) for key, name in line.masks.items()}
    for key, folder in source.masks.items():
        if key not in masks and (mask := _mask_in_folder(folder, PurePosixPath(line.image))):
            masks[key] = mask
    return Offer(
        name=line.image,
        path=path,
        group=line.group,
        patient=line.patient,
        view=line.view,
        day=line.day,
        finding=line.finding,
        source=line.source,
        licence=line.licence,
        masks=masks,
        mask_origin=line.mask_origin,
    )


def _named_mask(root: Path, name: str) -> MaskFile:
    try:
        return MaskFile(name, _path_inside(root, name))
    except _PathError as error:
        return MaskFile(name, None, str(error))


def _path_inside(root: Path, name: str) -> Path:
    """Return the path of the file `name` in `root`; raise _PathError if it may not be opened."""
    folder, leaf = os.path.split(name)
    path = _real_folder(str(root), folder) / leaf
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) or leaf in ("", ".", ".."):
            path = path.resolve()
            mode = path.stat().st_mode if path.is_relative_to(root) else mode
    except (OSError, ValueError):
        mode = 0
    if not path.is_relative_to(root):
        raise _PathError("path_outside", f"The path {name!r} leads out of the folder.")
    if not stat.S_ISREG(mode):
        raise _PathError("file_missing", f"The file {name!r} is not there.")
    return path


@lru_cache(maxsize=4096)
def _real_folder(root: str, folder: str) -> Path:
    """Return a folder with its links resolved; cached, because many files share a folder."""
    return Path(os.path.realpath(os.path.join(root, folder)))


def _offers_of_folder(source: Source) -> Iterator[Offer | Refusal]:
    root = source.folder.resolve()
    names = [path.relative_to(root) for path in _image_files(root, _mask_folders(source))]
    repeated_stems = {stem for stem, n in Counter(name.stem for name in names).items() if n > 1}
    for name in names:
        try:
            path = _path_inside(root, name.as_posix())
        except _PathError as error:
            yield Refusal(name.as_posix(), error.code, str(error))
            continue
        posix = PurePosixPath(name.as_posix())
        is_repeated = name.stem in repeated_stems
        masks = {
            key: mask
            for key, folder in source.masks.items()
            if (mask := _mask_in_folder(folder, posix, is_stem_repeated=is_repeated))
        }
        yield Offer(posix.as_posix(), path, source.group, masks=masks)


def _image_files(folder: Path, skipped: set[Path]) -> Iterator[Path]:
    """Yield the files that may be images, without the `skipped` folders and linked folders."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() in _IGNORED_SUFFIXES:
            continue
        if not path.is_dir():
            yield path
        elif not path.is_symlink() and path.resolve() not in skipped:
            yield from _image_files(path, skipped)


def _mask_in_folder(
    folder: Path, image: PurePosixPath, *, is_stem_repeated: bool = False
) -> MaskFile | None:
    """Return an image's `<stem>.png` or `mask_<stem>.png` in a mask folder; None without a file.

    The subfolder with the name of the image's folder comes first, then the mask folder itself. If
    two images have the same stem, only the subfolder counts: each could get the other's mask.
    """
    root = folder.resolve()
    places = [root / image.parent] if is_stem_repeated else [root / image.parent, root]
    for place in places:
        for name in (f"{image.stem}.png", f"mask_{image.stem}.png"):
            path = (place / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                return MaskFile(path.relative_to(root).as_posix(), path)
    return None
