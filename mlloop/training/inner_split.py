"""Choose the patients of the inner split, on which the epoch to keep is chosen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.contract.plan import Plan
from mlloop.training.case_reader import CaseReader
from mlloop.training.seeds import hash_key

NO_INNER = "No patient could be set aside to choose the best epoch: the last one is kept."


class Split(NamedTuple):
    """Training cases by use. `inner` only decides which epoch is kept."""

    positives: tuple[Case, ...]
    negatives: tuple[Case, ...]
    inner: tuple[Case, ...]

    @property
    def inner_patients(self) -> tuple[str, ...]:
        """The patients of the inner split, sorted."""
        return tuple(sorted({case.patient for case in self.inner}))


def split_by_mask(
    cases: Sequence[Case], plan: Plan, reader: CaseReader, *, taught: Collection[str] = ()
) -> Split:
    """Return the cases, split by whether their mask is empty, with whole patients set aside.

    `split_by_positives` chooses the patients. This function reads the masks first, because only
    the pixels show whether a mask is empty. Raises LearningError if every mask is empty or a file
    is unusable.
    """
    positive = {case.image for case in cases if reader.read_target(case).max() > 0}
    if not positive:
        raise LearningError(
            "no_positive_patient",
            "No training image outside this fold has an infection mask that is not empty."
            " Read more images with infection, or use fewer folds.",
        )
    return split_by_positives(cases, positive, plan, taught=taught)


def split_by_positives(
    cases: Sequence[Case],
    positive: Collection[str],
    plan: Plan,
    *,
    taught: Collection[str] = (),
) -> Split:
    """Return the cases, split by whether their image is in `positive`, with patients set aside.

    A patient is set aside if the hash of the patient is below the plan's `inner_fraction`. The hash
    depends neither on the seed nor on the other patients. The next round therefore sets the same
    patients aside, and a warm start is scored only on patients that its parent never learned from.
    `taught` names the patients that a parent did learn from. They are never set aside.

    If no hash is below the fraction, the patient with the lowest hash is set aside. Of the
    patients with an image in `positive`, and of the others, at least one stays for training. If no
    patient with an image in `positive` can be set aside, none of the others is either: controls
    alone cannot show which epoch is best. The last epoch is then kept.
    """
    sick = {case.patient for case in cases if case.image in positive}
    well = {case.patient for case in cases} - sick
    inner = _choose_inner(sick, plan, taught)
    if inner:
        inner |= _choose_inner(well, plan, taught)
    kept = [case for case in cases if case.patient not in inner]
    return Split(
        positives=tuple(case for case in kept if case.image in positive),
        negatives=tuple(case for case in kept if case.image not in positive),
        inner=tuple(case for case in cases if case.patient in inner),
    )


def _choose_inner(patients: set[str], plan: Plan, taught: Collection[str]) -> set[str]:
    if len(patients) < 2:
        return set()
    free = sorted(patients.difference(taught), key=_hash_share)
    aside = {key for key in free if _hash_share(key) < plan.inner_fraction} or set(free[:1])
    return aside - {free[-1]} if aside == patients else aside


def _hash_share(patient: str) -> float:
    """Return the hash of a patient as a number in 0..1 (1 excluded)."""
    return int.from_bytes(hash_key("inner", patient)[:6], "big") / 2**48
