"""Writes phantoms to disk, once per run, and returns the same films as cases for training."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import cast

from fixtures.cohort import write_cohort
from mlloop.contract.manifest import Case
from mlloop.contract.splits import Group

SIDE = 1024
_PATIENTS = 24
_SEED = 20200927


@functools.cache
def write_phantoms(folder: Path) -> Path:
    """Return a folder of phantoms with masks and metadata.csv, as the importer reads it."""
    place = folder / "cohort"
    write_cohort(place, patients=_PATIENTS, seed=_SEED, size=SIDE, max_films=2)
    return place


def film_files(place: Path) -> list[list[Path]]:
    """Return the files of each film, the radiograph first and then its masks."""
    files = []
    for line in _lines(place):
        names = (line["image"], line["infection_mask"], line["lung_mask"])
        files.append([place / name for name in names if name])
    return files


def read_cases(place: Path, *, k: int) -> tuple[Case, ...]:
    """Return the films with an infection mask as cases, each patient in one of k folds."""
    lines = [line for line in _lines(place) if line["infection_mask"]]
    patients = sorted({line["patient_id"] for line in lines})
    return tuple(
        Case(
            image=Path(line["image"]).stem,
            patient=line["patient_id"],
            group=cast(Group, line["group"]),
            fold=patients.index(line["patient_id"]) % k,
            image_path=str(place / line["image"]),
            mask_path=str(place / line["infection_mask"]),
            height=int(line["height"]),
            width=int(line["width"]),
        )
        for line in lines
    )


def _lines(place: Path) -> list[dict[str, str]]:
    with (place / "metadata.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
