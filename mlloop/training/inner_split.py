"""Choose the patients of the inner split, on which the epoch to keep is chosen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import Case
from mlloop.contract.plan import Plan
from mlloop.training.case_reader import CaseReader
from mlloop.training.seeds import hash_key

NO_INNER = "Nobody could be set aside to choose the epoch on: the last one is kept."


class Split(NamedTuple):
    """Training cases apart by use: `inner` only decides which epoch is kept."""

    positives: tuple[Case, ...]
    negatives: tuple[Case, ...]
    inner: tuple[Case, ...]

    @property
    def inner_patients(self) -> tuple[str, ...]:
        """The patients set aside, in order."""
        return tuple(sorted({case.patient for case in self.inner}))


def split_cases(
    cases: Sequence[Case], plan: Plan, reader: CaseReader, *, taught: Collection[str] = ()
) -> Split:
    """Set whole patients aside for early stopping, with and without infection, as `split_by` does.

    Reads the masks, since only pixels tell whether a mask is empty.
    """
    positive = {case.image for case in cases if reader.target(case).max() > 0}
    if not positive:
        raise LearningError(
            "no_positive_patient",
            "No training image outside this fold has an infection mask that is not empty."
            " Read more images with infection, or use fewer folds.",
        )
    return split_by(cases, positive, plan, taught=taught)


def split_by(
    cases: Sequence[Case],
    positive: Collection[str],
    plan: Plan,
    *,
    taught: Collection[str] = (),
) -> Split:
    """Set whole patients aside: those whose own hash falls below the plan's `inner_fraction`.

    Neither seed nor pool move a hash, so whom one round sets aside the next does too, and a warm
    start chooses its epoch on nobody its weights have learned. Where the two could part (another
    fraction, a small pool) nobody in `taught` is set aside: whom the weights of a warm start
    have learned already.

    Where no hash falls below, the patient nearest to it is set aside; one patient with an image in
    `positive` and one without always stay to learn from. Where nobody with an image in `positive`
    can be set aside nobody is, since the others alone say nothing, and the last epoch is kept.
    """
    sick = {case.patient for case in cases if case.image in positive}
    well = {case.patient for case in cases} - sick
    inner = _aside(sick, plan, taught)
    if inner:
        inner |= _aside(well, plan, taught)
    kept = [case for case in cases if case.patient not in inner]
    return Split(
        positives=tuple(case for case in kept if case.image in positive),
        negatives=tuple(case for case in kept if case.image not in positive),
        inner=tuple(case for case in cases if case.patient in inner),
    )


def _aside(patients: set[str], plan: Plan, taught: Collection[str]) -> set[str]:
    if len(patients) < 2:
        return set()
    free = sorted(patients.difference(taught), key=_share)
    aside = {one for one in free if _share(one) < plan.inner_fraction} or set(free[:1])
    return aside - {free[-1]} if aside == patients else aside


def _share(patient: str) -> float:
    """Return a number from 0 to below 1 that depends on the patient alone."""
    return int.from_bytes(hash_key("inner", patient)[:6], "big") / 2**48
