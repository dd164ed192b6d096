"""Reads plain folders of radiographs and masks as cases, and gives each patient a fold. No torch.

Refuses a folder that does not match its metadata, and names the line. If an image were left out
silently, every figure would change.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.contract.splits import (
    DrawRow,
    PatientRow,
    SplitError,
    assign_splits,
    draw_patients,
    patient_group,
    round_folds,
    usable_folds,
)
from mlloop.folders.files import Folders, ListedFilm, folder_error, list_files
from mlloop.pixels.images import ImageError, decode_image
from mlloop.pixels.masks import MaskError, decode_mask

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class FolderCase:
    """One image with its metadata and the hashes of its files ("" if there is no file).

    `is_known` means that an expert marked its infection, or that it is a control. `pixel_sha256` is
    the same for all files with the same grey pixels.
    """

    case: Case
    source: str
    is_known: bool
    is_positive: bool
    image_sha256: str
    mask_sha256: str
    lung_path: str | None = None
    lung_sha256: str = ""
    pixel_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """Cases with their folds, 0 to k - 1. `reason` says why k is smaller than requested, or ""."""

    k: int
    reason: str
    cases: tuple[FolderCase, ...]


def read_folder(
    folders: Folders, *, limit: int | None = None, seed: int = 0, only_known: bool = True
) -> tuple[FolderCase, ...]:
    """Read the cases of a folder, all in fold 0, in the order of the metadata.

    With a `limit`, whole patients are drawn, with at most `limit` images in all. Groups and sources
    keep their proportions.
    `only_known` leaves out images without a known infection mask. Raises LearningError.
    """
    listed = list(list_files(folders, only_known=only_known))
    if not listed:
        raise folder_error(_nothing_known_sentence(folders))
    if limit is not None:
        listed = _draw_films(listed, limit, seed)
    names = _case_names(listed)
    cases = tuple(_open_film(entry, name) for entry, name in zip(listed, names, strict=True))
    _refuse_shared_pixels(listed, cases)
    return cases


def assign_folds(cases: Sequence[FolderCase], *, folds: int, seed: int) -> Placement:
    """Return the cases with a fold for each patient, stratified by group and source.

    If too few patients have infection, there are fewer folds than requested, and a reason. Raises
    LearningError.
    """
    by_patient: dict[str, list[FolderCase]] = {}
    for film in cases:
        by_patient.setdefault(film.case.patient, []).append(film)
    rows = [PatientRow(key, _stratum(films)) for key, films in by_patient.items()]
    try:
        placed = assign_splits(
            rows, ledger={}, sealed_fraction=0.0, sealed_cap=None, folds=folds, seed=seed
        )
        positive_folds = [
            placed[key].fold
            for key, films in by_patient.items()
            if any(film.is_positive for film in films)
        ]
        choice = usable_folds(folds, positive_folds)
    except SplitError as error:
        raise LearningError("no_folds", str(error)) from error
    moved = tuple(
        replace(
            film,
            case=replace(film.case, fold=round_folds(placed[film.case.patient].fold, choice.k)),
        )
        for film in cases
    )
    return Placement(choice.k, choice.reason, moved)


def _stratum(cases: Sequence[FolderCase]) -> str:
    group = patient_group(film.case.group for film in cases)
    return f"{group}/{min(film.source for film in cases)}"


def _draw_films(listed: Sequence[ListedFilm], limit: int, seed: int) -> list[ListedFilm]:
    rows = [DrawRow(entry.patient, entry.line.group, entry.line.source, 1) for entry in listed]
    try:
        drawn = set(draw_patients(rows, limit=limit, seed=seed))
    except SplitError as error:
        raise LearningError("bad_limit", str(error)) from error
    return [entry for entry in listed if entry.patient in drawn]


def _nothing_known_sentence(folders: Folders) -> str:
    if folders.masks is None:
        return (
            f"{folders.metadata.name} names no infection mask and no control, and no folder of"
            " masks was given. Give one with --masks."
        )
    return (
        f"No image of {folders.metadata.name} has an infection mask in {folders.masks}, and none"
        " is a control. Name a mask in the column infection_mask, or give its file the name of its"
        " image: <image>.png or mask_<image>.png."
    )


def _case_names(listed: Sequence[ListedFilm]) -> list[str]:
    """Return a name for each case: its file's name, with a hash if two would be the same."""
    plain = [_NOT_IN_NAMES.sub("-", entry.path.stem).strip("-_") for entry in listed]
    count = Counter(plain)
    return [
        name
        if name and count[name] == 1 and len(name) <= _LONGEST_NAME
        else f"{name[:40] or 'image'}-{hashlib.sha256(entry.line.image.encode()).hexdigest()[:12]}"
        for name, entry in zip(plain, listed, strict=True)
    ]


def _open_film(entry: ListedFilm, name: str) -> FolderCase:
    data = _read_bytes(entry.path)
    try:
        image = decode_image(data, name=entry.path.name, min_side=1)
        shape = (image.height, image.width)
        is_positive, mask_sha256 = _read_mask(entry.mask, shape)
        _, lung_sha256 = _read_mask(entry.lung, shape)
    except (ImageError, MaskError) as error:
        raise folder_error(f"Line {entry.line.line}, {entry.line.image}: {error}") from error
    case = Case(
        image=name,
        patient=entry.patient,
        group=entry.line.group,
        fold=0,
        image_path=str(entry.path),
        mask_path=str(entry.mask) if entry.mask else None,
        height=shape[0],
        width=shape[1],
    )
    return FolderCase(
        case=case,
        source=entry.line.source,
        is_known=entry.is_known,
        is_positive=is_positive,
        image_sha256=hashlib.sha256(data).hexdigest(),
        mask_sha256=mask_sha256,
        lung_path=str(entry.lung) if entry.lung else None,
        lung_sha256=lung_sha256,
        pixel_sha256=image.sha256,
    )


def _read_mask(mask: Path | None, shape: tuple[int, int]) -> tuple[bool, str]:
    """Return whether a mask has a pixel, and its hash. Raises MaskError if its size is wrong."""
    if mask is None:
        return False, ""
    data = _read_bytes(mask)
    return bool(decode_mask(data, shape=shape).any()), hashlib.sha256(data).hexdigest()


def _refuse_shared_pixels(listed: Sequence[ListedFilm], cases: Sequence[FolderCase]) -> None:
    """Refuse the same pixels under two patients. A film could be in training and test at once."""
    first: dict[str, ListedFilm] = {}
    for entry, case in zip(listed, cases, strict=True):
        earlier = first.setdefault(case.pixel_sha256, entry)
        if earlier.patient != entry.patient:
            raise folder_error(
                f"Line {earlier.line.line}, {earlier.line.image}, and line {entry.line.line},"
                f" {entry.line.image}, hold the same pixels, but belong to two patients. Leave one"
                " out, or give both the same patient_id."
            )


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise folder_error(f"{path.name} cannot be read: {error.strerror}.") from error
