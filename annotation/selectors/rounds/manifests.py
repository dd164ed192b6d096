"""Build the manifests of child processes from a round's rows and stored files.

Only this module decides which patients a network may see: the patients of the other folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from annotation.models import EnsembleMember, Round
from annotation.selectors.rounds.lineage import learned_in_lineage, saw_only, seen_in_lineage
from annotation.selectors.rounds.records import round_plan, round_snapshot
from annotation.selectors.rounds.training_cases import (
    Snapshot,
    SnapshotCase,
    withdrawn_since,
)
from annotation.storage import Checkout
from mlloop.contract.manifest import (
    Case,
    EvaluateManifest,
    MemberRef,
    Parent,
    ProposeManifest,
    TrainManifest,
)
from mlloop.contract.network_plan import IMAGENET, NetworkPlan
from mlloop.contract.plan import Plan


def train_manifest(member: EnsembleMember, files: Checkout) -> TrainManifest:
    """Return the manifest to train a member: the cases of every fold except the held-out one.

    `files` collects the files that the child reads. Images that were withdrawn since are left out.
    So is a parent that saw a patient who is no longer among the cases.
    """
    round, plan = member.round, round_plan(member.round)
    network = plan.network(member.network)
    train = round_snapshot(round).train_of(network.label)
    withdrawn = withdrawn_since(round.project, train)
    cases = tuple(
        _case(case, round.folds, files)
        for case in train
        if case.image not in withdrawn and case.fold % round.folds != member.fold
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
        download_sha256=_allowed_download(network),
    )


def _allowed_download(network: NetworkPlan) -> str | None:
    """Return the sha256 of the weights that the operator lets this network download."""
    is_asked = network.encoder_weights == IMAGENET
    return settings.DOWNLOADS.get(network.encoder) if is_asked else None


def propose_manifest(round: Round, folder: Path, files: Checkout) -> ProposeManifest:
    """Return the manifest to propose: the images, without images that were withdrawn since.

    The snapshot's references go with them, to fit thresholds out of fold. If there is a
    classifier, all training cases go with them too, to be scored out of fold.
    """
    snapshot, plan = round_snapshot(round), round_plan(round)
    withdrawn = withdrawn_since(round.project, snapshot.propose)
    cases = [case for case in snapshot.propose if case.image not in withdrawn]
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


def evaluate_manifest(
    round: Round, sealed: Sequence[SnapshotCase], folder: Path, files: Checkout
) -> EvaluateManifest:
    """Return the manifest to evaluate: the sealed cases of a look, and the calibration."""
    return EvaluateManifest(
        round=round.number,
        plan=round_plan(round),
        k=round.folds,
        members=_members(round, folder, files),
        cases=tuple(_case(case, round.folds, files) for case in sealed),
        calibration=round.figures.calibration,
    )


def _scored(round: Round, plan: Plan, snapshot: Snapshot, files: Checkout) -> tuple[Case, ...]:
    """Return the training cases that the classifiers score; empty without a classifier."""
    if not plan.networks_of("activation"):
        return ()
    withdrawn = withdrawn_since(round.project, snapshot.train)
    return tuple(
        _case(case, round.folds, files) for case in snapshot.train if case.image not in withdrawn
    )


def card_path(member: EnsembleMember, folder: Path) -> Path:
    """Return the path at which a child reads a member's card."""
    return folder / "cards" / f"{member.network}-{member.fold}.json"


def _parent(member: EnsembleMember, files: Checkout) -> Parent:
    return Parent(
        weights_path=files.path_of(member.weights_key),
        weights_sha256=member.weights_sha256,
        patients=tuple(sorted(seen_in_lineage(member))),
        taught=tuple(sorted(learned_in_lineage(member))),
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
