"""Plain folders of radiographs and masks as cases, with folds by patient: no server, no torch.

Refuses a folder that is not what its metadata says, with the line and the reason: an image left out
in silence would change every figure.
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
from mlloop.folders.files import Folders, Listed, list_files, unusable
from mlloop.pixels.images import ImageError, decode_image
from mlloop.pixels.masks import MaskError, decode_mask

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class FolderCase:
    """One image with what its metadata says, and the hashes of its files ("" without one).

    `is_known`: somebody said where its infection is, or it is a control. `pixel_sha256` is the same
    for every file that holds the same grey plane.
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
    """Cases with their folds, 0 to k - 1; `reason` tells why k is not what was asked for."""

    k: int
    reason: str
    cases: tuple[FolderCase, ...]


def read_folder(
    folders: Folders, *, limit: int | None = None, seed: int = 0, only_known: bool = True
) -> tuple[FolderCase, ...]:
    """Read the cases of a folder, all in fold 0, in the order of the metadata.

    `limit` draws whole patients with at most so many images, by group and source. `only_known`
    leaves out images on which nobody marked infection. Raises LearningError.
    """
    listed = list(list_files(folders, only_known=only_known))
    if not listed:
        raise unusable(_nothing_known(folders))
    if limit is not None:
        listed = _draw(listed, limit, seed)
    names = _names(listed)
    cases = tuple(_open(one, name) for one, name in zip(listed, names, strict=True))
    _check_twins(listed, cases)
    return cases


def place(cases: Sequence[FolderCase], *, folds: int, seed: int) -> Placement:
    """Give every patient a fold, stratified by group and source. Raises LearningError.

    Fewer folds than asked for where too few patients have infection; the reason is told.
    """
    by_patient: dict[str, list[FolderCase]] = {}
    for one in cases:
        by_patient.setdefault(one.case.patient, []).append(one)
    rows = [PatientRow(key, _stratum(own)) for key, own in by_patient.items()]
    try:
        placed = assign_splits(
            rows, ledger={}, sealed_fraction=0.0, sealed_cap=None, folds=folds, seed=seed
        )
        sick = [
            placed[key].fold for key, own in by_patient.items() if any(c.is_positive for c in own)
        ]
        choice = usable_folds(folds, sick)
    except SplitError as error:
        raise LearningError("no_folds", str(error)) from error
    moved = tuple(
        replace(
            one, case=replace(one.case, fold=round_folds(placed[one.case.patient].fold, choice.k))
        )
        for one in cases
    )
    return Placement(choice.k, choice.reason, moved)


def _stratum(cases: Sequence[FolderCase]) -> str:
    group = patient_group(one.case.group for one in cases)
    return f"{group}/{min(one.source for one in cases)}"


def _draw(listed: Sequence[Listed], limit: int, seed: int) -> list[Listed]:
    rows = [DrawRow(one.patient, one.line.group, one.line.source, 1) for one in listed]
    try:
        drawn = set(draw_patients(rows, limit=limit, seed=seed))
    except SplitError as error:
        raise LearningError("bad_limit", str(error)) from error
    return [one for one in listed if one.patient in drawn]


def _nothing_known(folders: Folders) -> str:
    if folders.masks is None:
        return (
            f"{folders.metadata.name} names no infection mask and no control, and no folder of"
            " masks was given. Give one with --masks."
        )
    return (
        f"No image of {folders.metadata.name} has an infection mask in {folders.masks}, and none"
        " is a control. A mask is named in the column infection_mask, or is called as its image:"
        " <image>.png or mask_<image>.png."
    )


def _names(listed: Sequence[Listed]) -> list[str]:
    """Name each case by its file, with a hash where two files would have one name."""
    plain = [_NOT_IN_NAMES.sub("-", one.path.stem).strip("-_") for one in listed]
    count = Counter(plain)
    return [
        name
        if name and count[name] == 1 and len(name) <= _LONGEST_NAME
        else f"{name[:40] or 'image'}-{hashlib.sha256(one.line.image.encode()).hexdigest()[:12]}"
        for name, one in zip(plain, listed, strict=True)
    ]


def _open(one: Listed, name: str) -> FolderCase:
    data = _bytes(one.path)
    try:
        image = decode_image(data, name=one.path.name, min_side=1)
        shape = (image.height, image.width)
        is_positive, mask_sha256 = _look(one.mask, shape)
        _, lung_sha256 = _look(one.lung, shape)
    except (ImageError, MaskError) as error:
        raise unusable(f"Line {one.line.line}, {one.line.image}: {error}") from error
    case = Case(
        image=name,
        patient=one.patient,
        group=one.line.group,
        fold=0,
        image_path=str(one.path),
        mask_path=str(one.mask) if one.mask else None,
        height=shape[0],
        width=shape[1],
    )
    return FolderCase(
        case=case,
        source=one.line.source,
        is_known=one.is_known,
        is_positive=is_positive,
        image_sha256=hashlib.sha256(data).hexdigest(),
        mask_sha256=mask_sha256,
        lung_path=str(one.lung) if one.lung else None,
        lung_sha256=lung_sha256,
        pixel_sha256=image.sha256,
    )


def _look(mask: Path | None, shape: tuple[int, int]) -> tuple[bool, str]:
    """Tell whether a mask has a pixel, and its hash; raise MaskError where it does not fit."""
    if mask is None:
        return False, ""
    data = _bytes(mask)
    return bool(decode_mask(data, shape=shape).any()), hashlib.sha256(data).hexdigest()


def _check_twins(listed: Sequence[Listed], cases: Sequence[FolderCase]) -> None:
    """Refuse the same pixels under two patients: they would be trained on and measured at once."""
    first: dict[str, Listed] = {}
    for one, case in zip(listed, cases, strict=True):
        twin = first.setdefault(case.pixel_sha256, one)
        if twin.patient != one.patient:
            raise unusable(
                f"Line {twin.line.line}, {twin.line.image}, and line {one.line.line},"
                f" {one.line.image}, hold the same pixels, but belong to two patients. Leave one"
                " out, or give both the same patient_id."
            )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unusable(f"{path.name} cannot be read: {error.strerror}.") from error
