"""Adapt a plan to the existing references, and explain in sentences what is left out."""

from __future__ import annotations

from collections.abc import Collection

from annotation.errors import Refused
from annotation.models import Project
from annotation.selectors.rounds.lineage import MemberKey
from annotation.selectors.rounds.training_cases import Snapshot, SnapshotCase
from mlloop.contract.plan import Plan


def choose_folds(plan: Plan, project: Project, cases: tuple[SnapshotCase, ...]) -> tuple[int, str]:
    """Return the number of folds k and, if it is lower than planned, the reason.

    Raises Refused if k would be less than 2.
    """
    positive = {case.patient: case.fold for case in cases if case.is_positive}
    if not positive:
        raise Refused(
            "There is nothing to train on: no image of the train split has a mask yet."
            " Read some cases, or import masks as a seed.",
            code="nothing_to_train_on",
        )
    wanted = min(plan.folds, project.folds)
    for k in range(min(wanted, len(positive)), 1, -1):
        if len({fold % k for fold in positive.values()}) > 1:
            return k, _folds_note(k, plan, project, len(positive))
    raise Refused(
        f"At least 2 folds with an infection mask each are needed; {len(positive)} patient(s)"
        " with a mask are not enough for that. Read cases of more patients.",
        code="too_few_patients",
    )


def adapt_plan(plan: Plan, snapshot: Snapshot, k: int) -> tuple[Plan, str]:
    """Return the plan without lung networks and classifiers that cannot be trained, and why."""
    plan, lung = _without_untrainable_lungs(plan, snapshot, k)
    plan, classifier = _without_untrainable_classifiers(plan, snapshot, k)
    return plan, " ".join(filter(None, (lung, classifier)))


def _without_untrainable_lungs(plan: Plan, snapshot: Snapshot, k: int) -> tuple[Plan, str]:
    learnable = plan.without_unlearnable_lungs({case.fold % k for case in snapshot.lung})
    if learnable == plan:
        return plan, ""
    if snapshot.lung:
        reason = "All lung masks are in one fold"
    else:
        reason = "No training image has a lung mask"
    note = f"{reason}: no lung network is trained, and this round says nothing of severity."
    return learnable, note


def _without_untrainable_classifiers(plan: Plan, snapshot: Snapshot, k: int) -> tuple[Plan, str]:
    """Keep classifiers only if patients of both groups remain outside each fold.

    A patient with any covid film counts as covid.
    """
    if not plan.networks_of("activation"):
        return plan, ""
    folds = {case.patient: case.fold % k for case in snapshot.train}
    covid = {case.patient for case in snapshot.train if case.group == "covid"}
    for group, patients in (("covid", covid), ("other than covid", folds.keys() - covid)):
        their_folds = {folds[patient] for patient in patients}
        if len(their_folds) < 2:
            reason = (
                f"All patients {group} are in one fold" if their_folds else f"No patient is {group}"
            )
            note = f"{reason}: no classifier is trained, and this round has no activation maps."
            return plan.without("activation"), note
    return plan, ""


def describe_fresh_members(plan: Plan, folds: int, parents: Collection[MemberKey]) -> str:
    """Say how many members start from fresh weights, although the plan asks for warm starts."""
    networks = [network for network in plan.networks if network.label != "activation"]
    n_fresh = len(networks) * folds - len(parents)
    if plan.initial == "none" or not n_fresh:
        return ""
    return (
        f"{n_fresh} of {n_fresh + len(parents)} members start afresh: the serving round has other"
        " folds, another network, or one that learned from a patient whom theirs may not see."
    )


def _folds_note(k: int, plan: Plan, project: Project, positive: int) -> str:
    if k == plan.folds:
        return ""
    if k == project.folds:
        return f"{plan.folds} folds were planned; the project's ledger has {k}."
    return (
        f"{plan.folds} folds were planned; {k} are used, because only {positive} patient(s) have"
        " an infection mask and no fold may leave the rest without one."
    )
