"""Over any sequence of reads, withdrawals, rounds and warm starts, no network proposes on a patient
that it learned from.

The test keeps its own record: it follows the weights by their hash and reads no card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation import storage
from annotation.models import EnsembleMember, Image, Project, Proposal, Round, Split
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.leaks import find_project_leaks
from annotation.selectors.rounds.manifests import propose_manifest, train_manifest
from annotation.selectors.rounds.training_cases import patient_hash
from annotation.services.projects import create_project
from annotation.services.rounds.decisions import promote_round, refuse_round
from annotation.services.rounds.planning import plan_round
from annotation.services.upkeep.withdrawal import withdraw_image
from mlloop.contract.manifest import TrainManifest
from mlloop.proposing.maps import folds_for
from tests.support.database import unguarded
from tests.support.factories import make_reference
from tests.support.learning import CLASSIFIER, fill_project, no_files, small_plan


@dataclass(frozen=True)
class Read:
    """Somebody reads an image."""

    image: int


@dataclass(frozen=True)
class Withdraw:
    """A patient withdraws an image."""

    image: int


@dataclass(frozen=True)
class Turn:
    """A round is trained, proposes, and is promoted or refused."""

    networks: int
    folds: int
    is_warm: bool
    is_promoted: bool
    is_classified: bool = False


numbers = st.integers(0, 99)
turns = st.builds(
    Turn,
    networks=st.integers(1, 2),
    folds=st.integers(2, 3),
    is_warm=st.sampled_from([True, True, False]),
    is_promoted=st.sampled_from([True, True, False]),
    is_classified=st.booleans(),
)
histories = st.lists(
    st.one_of(st.builds(Read, numbers), st.builds(Withdraw, numbers), turns, turns),
    min_size=3,
    max_size=10,
)


@dataclass
class World:
    """A project, and the patients that each set of weights has seen, by the hash of the weights."""

    project: Project
    images: list[Image]
    seen: dict[str, frozenset[str]] = field(default_factory=dict)


def live(step: Read | Withdraw | Turn, world: World, folder: Path) -> None:
    if isinstance(step, Turn):
        play(step, world, folder)
        return
    image = world.images[step.image % len(world.images)]
    image.refresh_from_db()
    if isinstance(step, Withdraw):
        withdraw_image(image=image, actor=None, reason="asked for")
    elif image.withdrawn_at is None and not image.references.exists():
        make_reference(image)


def play(turn: Turn, world: World, folder: Path) -> None:
    plan = replace(
        small_plan(networks=turn.networks, folds=turn.folds),
        initial="previous" if turn.is_warm else "none",
    )
    if turn.is_classified:
        plan = replace(plan, networks=(*plan.networks, CLASSIFIER))
    round = plan_round(project=world.project, actor=None, plan=plan)
    for member in round.members.all():
        train(member, world)
    propose(round, world, folder)
    with unguarded():
        Round.objects.filter(pk=round.pk).update(state=Round.State.AWAITING_DECISION)
    round.refresh_from_db()
    (promote_round if turn.is_promoted else refuse_round)(round=round, actor=None, reason="said so")


def train(member: EnsembleMember, world: World) -> None:
    """Do what a child does: load the cases of the manifest and write a card of them."""
    manifest = train_manifest(member, no_files())
    handed = frozenset(case.patient for case in manifest.cases)
    check_handed(member, manifest, world)
    weights = f"{member.round_id} {member.network} {member.fold}".encode()
    sha256 = hashlib.sha256(weights).hexdigest()
    inherited = world.seen[manifest.parent.weights_sha256] if manifest.parent else frozenset()
    world.seen[sha256] = handed | inherited
    member.card = {
        "loaded_patients": sorted(handed),
        "parent_patients": sorted(manifest.parent.patients) if manifest.parent else [],
    }
    member.weights_key = storage.put(world.project.id, weights)
    member.weights_sha256 = sha256
    member.state = EnsembleMember.State.DONE
    with unguarded():
        member.save()


def check_handed(member: EnsembleMember, manifest: TrainManifest, world: World) -> None:
    k = member.round.folds
    places = {
        patient_hash(world.project.id, patient.key): patient
        for patient in world.project.patients.all()
    }
    for case in manifest.cases:
        assert places[case.patient].split == Split.TRAIN
        assert places[case.patient].fold % k != member.fold
    if manifest.parent:
        assert world.seen[manifest.parent.weights_sha256] == frozenset(manifest.parent.patients)
        handed = {case.patient for case in manifest.cases}
        assert frozenset(manifest.parent.patients) <= handed


def propose(round: Round, world: World, folder: Path) -> None:
    """Let the weights that the manifest names propose on the cases that it names."""
    manifest = propose_manifest(round, folder, no_files())
    weights = {(member.network, member.fold): member.weights_sha256 for member in manifest.members}
    for case in manifest.scored:
        for network in manifest.plan.networks_of("activation"):
            assert case.patient not in world.seen[weights[network.key, case.fold]]
    for case in manifest.cases:
        for network in manifest.plan.networks:
            label = label_of(world.project, network.label)
            folds = folds_for(case, manifest, network.label)
            for fold in folds:
                assert case.patient not in world.seen[weights[network.key, fold]]
            Proposal.objects.create(
                round=round,
                image_id=case.image,
                label=label,
                network=network.key,
                kind="mean" if len(folds) == manifest.k else "out_of_fold",
                members=[[network.key, fold] for fold in folds],
                probability_key="none",
                threshold=128,
            )


@pytest.mark.django_db
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories)
def test_no_history_lets_a_network_propose_on_whom_it_saw(
    history: Sequence[Read | Withdraw | Turn], tmp_path: Path
) -> None:
    with transaction.atomic():
        project = create_project(slug="any", name="Any", actor=None, folds=3)
        made = fill_project(project, read=4, unread=4, controls=2, sealed=2)
        # The first three stay: a round without a patient to learn from is refused, as it should be.
        world = World(project, [*made["read"][3:], *made["unread"], *made["controls"]])
        for step in (*history, Turn(1, 3, is_warm=True, is_promoted=True)):
            live(step, world, tmp_path)
        assert find_project_leaks(project) == ()
        transaction.set_rollback(True)
