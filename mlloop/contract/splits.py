"""Gives each patient a split and a fold: pure functions without storage or clock.

A patient keeps its split and fold for ever. These functions place new patients, given the counts of
the ledger, and cannot move a patient.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Group = Literal["covid", "normal", "other"]
Split = Literal["train", "sealed"]


class SplitError(ValueError):
    """A split or a choice of folds is impossible; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class PatientRow:
    """A patient without a split and a fold."""

    key: str
    group: str


@dataclass(frozen=True, slots=True)
class SplitFold:
    """A patient's split and fold. Sealed patients have a fold too, so ledger rows look alike."""

    split: Split
    fold: int


@dataclass(frozen=True, slots=True)
class LedgerCell:
    """A group, a split and a fold. The ledger counts the patients in each cell."""

    group: str
    split: Split
    fold: int


@dataclass(frozen=True, slots=True)
class FoldChoice:
    """The number of folds of a round, and why it is smaller than requested, or ""."""

    k: int
    reason: str


@dataclass(frozen=True, slots=True)
class DrawRow:
    """Some images of one patient. A limited draw takes all images of a patient, or none."""

    patient: str
    group: str
    source: str
    n_images: int


def patient_group(image_groups: Iterable[str]) -> Group:
    """Return the group of a patient: covid if any image is covid, normal if all are normal."""
    groups = set(image_groups)
    if "covid" in groups:
        return "covid"
    return "normal" if groups == {"normal"} else "other"


def assign_splits(
    patients: Sequence[PatientRow],
    *,
    ledger: Mapping[LedgerCell, int],
    sealed_fraction: float,
    sealed_cap: int | None,
    folds: int,
    seed: int,
) -> dict[str, SplitFold]:
    """Return a split and a fold for each new patient. The order of `patients` does not matter.

    `ledger` counts the patients that were placed before. `sealed_fraction` of each group is sealed.
    At most `sealed_cap` patients are sealed in all, including the patients in the ledger. Each
    group keeps at least one patient to train on. Raises SplitError.
    """
    _check_request(patients, sealed_fraction, sealed_cap, folds)
    waiting = _shuffled_by_group(patients, seed)
    quota = _sealed_quota(waiting, ledger, sealed_fraction, sealed_cap)
    taken = {(cell.group, cell.split, cell.fold): n for cell, n in ledger.items()}
    placed: dict[str, SplitFold] = {}
    for group, keys in waiting.items():
        halves: tuple[tuple[Split, list[str]], ...] = (
            ("sealed", keys[: quota[group]]),
            ("train", keys[quota[group] :]),
        )
        for split, half in halves:
            filled = [taken.get((group, split, fold), 0) for fold in range(folds)]
            for key in half:
                # Take the first of the emptiest folds. Folds then fill in order, so the folds
                # `fold % k` of a round have about equal sizes for any k.
                fold = min(range(folds), key=filled.__getitem__)
                filled[fold] += 1
                placed[key] = SplitFold(split, fold)
    return placed


def round_folds(ledger_fold: int, k: int) -> int:
    """Return the fold, 0 to k - 1, of a ledger fold in a round of k folds."""
    return ledger_fold % k


def usable_folds(requested: int, positive_ledger_folds: Sequence[int]) -> FoldChoice:
    """Choose the folds of a round from the ledger folds of its positive training patients.

    A positive patient has at least one reference that is not empty. The training side of every
    fold needs a positive patient, so k is lowered until each has one. Raises SplitError if this is
    impossible for k = 2 too.
    """
    positives = len(positive_ledger_folds)
    if requested < 2:
        raise SplitError(f"{requested} folds were asked for; at least 2 are needed.")
    for k in range(min(requested, positives), 1, -1):
        # Two folds with a positive patient are enough: if one is held out, the other trains.
        if len({round_folds(fold, k) for fold in positive_ledger_folds}) >= 2:
            return FoldChoice(k, _reason_for_fewer(k, requested, positives))
    subject = "patient has" if positives == 1 else "patients have"
    raise SplitError(
        f"{positives} training {subject} an infection mask that is not empty; "
        "at least 2 in different folds are needed."
    )


def draw_patients(rows: Sequence[DrawRow], *, limit: int, seed: int) -> tuple[str, ...]:
    """Draw whole patients with at most `limit` images in all, in proportion to group and source.

    Returns the drawn keys, sorted. The order of `rows` does not matter.
    """
    if limit < 1:
        raise SplitError(f"The limit is {limit} images; it must be 1 or more.")
    total = sum(row.n_images for row in rows)
    if total <= limit:
        return tuple(sorted({row.patient for row in rows}))
    strata = _strata(rows, seed)
    share = {name: sum(n for _, n in left) * limit / total for name, left in strata.items()}
    drawn_images: Counter[tuple[str, str]] = Counter()
    drawn: list[str] = []
    room = limit
    while room > 0 and strata:
        name = max(sorted(strata), key=lambda stratum: share[stratum] - drawn_images[stratum])
        patient, n_images = strata[name].pop()
        if not strata[name]:
            del strata[name]
        if n_images <= room:  # skip a patient with too many images; never split it
            drawn.append(patient)
            drawn_images[name] += n_images
            room -= n_images
    return tuple(sorted(drawn))


def _check_request(
    patients: Sequence[PatientRow], sealed_fraction: float, sealed_cap: int | None, folds: int
) -> None:
    if not 0.0 <= sealed_fraction < 1.0:
        raise SplitError(
            f"The sealed fraction is {sealed_fraction:g}; it must be from 0 to below 1."
        )
    if sealed_cap is not None and sealed_cap < 0:
        raise SplitError(f"The cap on sealed patients is {sealed_cap}; it must be 0 or more.")
    if folds < 2:
        raise SplitError(f"The ledger has {folds} folds; at least 2 are needed.")
    twice = [key for key, n in Counter(row.key for row in patients).items() if n > 1]
    if twice:
        raise SplitError(f"Patient {min(twice)} is given twice.")


def _rank(seed: int, purpose: str, key: str) -> bytes:
    """Return a seeded random rank of a key. It does not depend on the other keys."""
    return hashlib.sha256(f"{seed}:{purpose}:{key}".encode()).digest()


def _shuffled_by_group(patients: Sequence[PatientRow], seed: int) -> dict[str, list[str]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for row in sorted(patients, key=lambda row: _rank(seed, "split", row.key)):
        groups[row.group].append(row.key)
    return dict(groups)


def _sealed_quota(
    waiting: Mapping[str, Sequence[str]],
    ledger: Mapping[LedgerCell, int],
    fraction: float,
    cap: int | None,
) -> Counter[str]:
    """Return how many of each group's waiting patients are sealed.

    The total is rounded once over all groups. Its patients go one by one to the group that is
    furthest below its share, so small batches keep the fraction as well as large ones.
    """
    sizes: Counter[str] = Counter({group: len(keys) for group, keys in waiting.items()})
    sealed: Counter[str] = Counter()
    for cell, n in ledger.items():
        sizes[cell.group] += n
        sealed[cell.group] += n if cell.split == "sealed" else 0
    goal = fraction * sizes.total()
    if cap is not None and goal > cap:
        fraction, goal = cap / sizes.total(), float(cap)
    quota: Counter[str] = Counter()
    while sealed.total() < int(goal + 0.5):
        behind = {
            group: fraction * sizes[group] - sealed[group]
            for group, keys in sorted(waiting.items())
            if quota[group] < len(keys) and sealed[group] + 1 < sizes[group]
        }
        group = max(behind, key=behind.__getitem__, default="")
        if not group or behind[group] <= 0.0:
            break
        quota[group] += 1
        sealed[group] += 1
    return quota


def _reason_for_fewer(k: int, requested: int, positives: int) -> str:
    if k == requested:
        return ""
    if k == positives:
        return f"{k} folds instead of {requested}: only {positives} training patients are positive."
    return (
        f"{k} folds instead of {requested}: with more, one fold would hold every positive patient."
    )


def _strata(rows: Sequence[DrawRow], seed: int) -> dict[tuple[str, str], list[tuple[str, int]]]:
    """Return `(patient, images)` in seeded order for each `(group, source)`.

    A patient in two strata belongs to the first by name, with all its images.
    """
    images: Counter[str] = Counter()
    stratum_of: dict[str, tuple[str, str]] = {}
    for row in rows:
        images[row.patient] += row.n_images
        stratum = (row.group, row.source)
        stratum_of[row.patient] = min(stratum_of.get(row.patient, stratum), stratum)
    strata: defaultdict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for patient in sorted(images, key=lambda patient: _rank(seed, "draw", patient)):
        strata[stratum_of[patient]].append((patient, images[patient]))
    return dict(strata)
