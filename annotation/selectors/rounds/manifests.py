"""Build what is handed to a child process from a round's rows and stored files.

The only place that decides which patients a network may see: those of the other folds.
"""

from __future__ import annotations

import json
from pathlib import Path

from annotation import storage
from annotation.models import EnsembleMember, Round
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.lineage import saw_only, seen_in_lineage, taught_in_lineage
from annotation.selectors.rounds.training_cases import (
    Snapshot,
    SnapshotCase,
    sealed_cases,
    withdrawn_since,
)
from annotation.storage import Checkout
from mlloop.contract.calibration import Calibration
from mlloop.contract.manifest import (
    Case,
    EvaluateManifest,
    MemberRef,
    Parent,
    ProposeManifest,
    TrainManifest,
)
from mlloop.contract.plan import Plan
from mlloop.figures.fitting import describe_fit


def plan_of(round: Round) -> Plan:
    """Return the round's plan."""
    return Plan.from_json(round.plan)


def calibration_in(round: Round) -> Calibration | None:
    """Return what the round fitted out of fold; None before it proposed."""
    return round.figures.calibration


def ensemble_t8(round: Round) -> int:
    """Return the threshold of the ensemble's masks, as served and on the sealed set."""
    calibration = calibration_in(round)
    return calibration.t8_of("ensemble") if calibration else plan_of(round).threshold


def choice_in(round: Round) -> str:
    """Say on which films the values behind the round's out-of-fold figures were chosen."""
    return describe_fit(plan_of(round), calibration_in(round))


def snapshot_in(round: Round) -> Snapshot:
    """Return the round's frozen snapshot."""
    return Snapshot.from_plain(json.loads(storage.read(round.snapshot_key)))


def train_manifest(member: EnsembleMember, files: Checkout) -> TrainManifest:
    """Hand over the cases of every fold but the one held out; what was withdrawn is left out.

    `files` collects what the child reads. A parent that saw somebody who is no longer among them is
    left out too.
    """
    round, plan = member.round, plan_of(member.round)
    network = plan.network(member.network)
    train = snapshot_in(round).train_of(network.label)
    gone = withdrawn_since(round.project, train)
    cases = tuple(
        _case(case, round.folds, files)
        for case in train
        if case.image not in gone and case.fold % round.folds != member.fold
    )
    parent = member.parent
    if parent is not None and not saw_only(parent, {case.patient for case in cases}):
        parent = None
    return TrainManifest(
        round=round.number,
        plan=plan,
        network=network,
        fold=member.fold,
        k=round.folds,
        cases=cases,
        parent=_parent(parent, files) if parent else None,
    )


def propose_manifest(round: Round, folder: Path, files: Checkout) -> ProposeManifest:
    """Hand over the images to propose on; what was withdrawn since is left out.

    The snapshot's references go with them: thresholds are fitted on them, out of fold. So do all
    training cases where there is a classifier, to be scored out of fold.
    """
    snapshot, plan = snapshot_in(round), plan_of(round)
    gone = withdrawn_since(round.project, snapshot.propose)
    cases = [case for case in snapshot.propose if case.image not in gone]
    trained = frozenset(case.patient for case in snapshot.train)
    return ProposeManifest(
        round=round.number,
        plan=plan,
        k=round.folds,
        members=_members(round, folder, files),
        cases=tuple(_case(case, round.folds, files) for case in cases),
        trained_patients=trained,
        references=tuple(
            case.image for case in cases if case.reference and case.patient in trained
        ),
        lung_patients=frozenset(case.patient for case in snapshot.lung),
        scored=_scored(round, plan, snapshot, files),
    )


def evaluate_manifest(round: Round, folder: Path, files: Checkout) -> EvaluateManifest:
    """Hand over the sealed cases that have a reading, the sealed controls, and the calibration."""
    sealed = sealed_cases(round.project, label_of(round.project, "infection"))
    return EvaluateManifest(
        round=round.number,
        plan=plan_of(round),
        k=round.folds,
        members=_members(round, folder, files),
        cases=tuple(_case(case, round.folds, files) for case in sealed),
        calibration=calibration_in(round),
    )


def _scored(round: Round, plan: Plan, snapshot: Snapshot, files: Checkout) -> tuple[Case, ...]:
    if not plan.networks_of("activation"):
        return ()
    gone = withdrawn_since(round.project, snapshot.train)
    return tuple(
        _case(case, round.folds, files) for case in snapshot.train if case.image not in gone
    )


def card_path(member: EnsembleMember, folder: Path) -> Path:
    """Return where a member's card is laid out for a child to read."""
    return folder / "cards" / f"{member.network}-{member.fold}.json"


def _parent(member: EnsembleMember, files: Checkout) -> Parent:
    return Parent(
        weights_path=files.path_of(member.weights_key),
        weights_sha256=member.weights_sha256,
        patients=tuple(sorted(seen_in_lineage(member))),
        taught=tuple(sorted(taught_in_lineage(member))),
    )


def _members(round: Round, folder: Path, files: Checkout) -> tuple[MemberRef, ...]:
    return tuple(
        MemberRef(
            network=member.network,
            fold=member.fold,
            weights_path=files.path_of(member.weights_key),
            card_path=str(card_path(member, folder)),
            weights_sha256=member.weights_sha256,
        )
        for member in round.members.order_by("network", "fold")
    )


def _case(case: SnapshotCase, k: int, files: Checkout) -> Case:
    return Case(
        image=case.image,
        patient=case.patient,
        group=case.group,
        fold=case.fold % k,
        image_path=files.path_of(case.pixels_key),
        mask_path=files.path_of(case.mask_key) if case.mask_key else None,
        height=case.height,
        width=case.width,
        spacing_mm=case.spacing_mm,
    )
