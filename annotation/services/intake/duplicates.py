"""Find images of different patients that look alike: one film may have two patients by mistake.

Two 64-bit hashes that differ in at most `MAX_DISTANCE` bits are equal in at least one of
`MAX_DISTANCE + 1` bands of bits, so only images with an equal band are compared. No row is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from uuid import UUID

import numpy as np
import numpy.typing as npt

from annotation.models import Image, Project
from annotation.services.intake.report import NearDuplicate

MAX_DISTANCE = 3
_BANDS = MAX_DISTANCE + 1
_BAND_BITS = 64 // _BANDS
# Thousands of blank films share one hash. Without a limit the search would be quadratic.
_MAX_BUCKET = 200
_MAX_PAIRS = 20_000
_MAX_DESCRIBED = 200
Hashes = npt.NDArray[np.uint64]
Pair = tuple[int, int, int]


def near_pairs(hashes: Hashes, is_new: npt.NDArray[np.bool_]) -> Iterator[Pair]:
    """Yield `(i, j, distance)` once for each pair of similar hashes of which at least one is new.

    `hashes` and `is_new` have shape (N,). The distance is the number of different bits.
    """
    for band in range(_BANDS):
        keys = (hashes >> np.uint64(band * _BAND_BITS)) & np.uint64(2**_BAND_BITS - 1)
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        for start, end in pairwise([0, *edges.tolist(), len(order)]):
            if end - start > 1:
                yield from _pairs_in_bucket(order[start:end][:_MAX_BUCKET], hashes, is_new, band)


def _pairs_in_bucket(
    bucket: npt.NDArray[np.int64], hashes: Hashes, is_new: npt.NDArray[np.bool_], band: int
) -> Iterator[Pair]:
    for position, i in enumerate(bucket[:-1].tolist()):
        others = bucket[position + 1 :]
        others = others[is_new[others] | is_new[i]]
        differing = hashes[others] ^ hashes[i]
        for j, bits in zip(others.tolist(), differing.tolist(), strict=True):
            if bits.bit_count() <= MAX_DISTANCE and not _was_yielded(bits, band):
                yield i, j, bits.bit_count()


def _was_yielded(bits: int, band: int) -> bool:
    """Say whether an earlier band has yielded the pair that differs in `bits` already."""
    mask = 2**_BAND_BITS - 1
    return any(not (bits >> (earlier * _BAND_BITS)) & mask for earlier in range(band))


def near_duplicates(*, project: Project, since: datetime) -> tuple[int, list[NearDuplicate]]:
    """Return the number of similar pairs of different patients, and the most similar pairs.

    Only pairs with an image that was imported at `since` or later count.
    """
    rows = Image.objects.filter(project=project, withdrawn_at=None).order_by("created_at", "id")
    columns = ("id", "perceptual_hash", "patient_id", "created_at")
    ids: list[UUID] = []
    hashes: list[int] = []
    patients: list[UUID] = []
    is_new: list[bool] = []
    for image_id, hash_hex, patient_id, created_at in rows.values_list(*columns).iterator(
        chunk_size=2000
    ):
        ids.append(image_id)
        hashes.append(int(hash_hex, 16))
        patients.append(patient_id)
        is_new.append(created_at >= since)
    pairs: list[Pair] = []
    for pair in near_pairs(np.array(hashes, np.uint64), np.array(is_new, np.bool_)):
        if patients[pair[0]] != patients[pair[1]]:
            pairs.append(pair)
        if len(pairs) >= _MAX_PAIRS:
            break
    return len(pairs), _describe_nearest([(ids[i], ids[j], n) for i, j, n in pairs])


def _describe_nearest(pairs: list[tuple[UUID, UUID, int]]) -> list[NearDuplicate]:
    by_distance = sorted(pairs, key=lambda pair: (pair[2], str(pair[0]), str(pair[1])))
    nearest = by_distance[:_MAX_DESCRIBED]
    image_ids = {image_id for pair in nearest for image_id in pair[:2]}
    rows = Image.objects.select_related("patient").in_bulk(list(image_ids))
    return [
        NearDuplicate(
            image=str(image),
            file=rows[image].file_name,
            other_image=str(other),
            other_file=rows[other].file_name,
            distance=distance,
            splits_differ=rows[image].patient.split != rows[other].patient.split,
        )
        for image, other, distance in nearest
    ]
