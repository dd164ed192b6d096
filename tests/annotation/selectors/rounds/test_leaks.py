"""Leaks that are planted in a manifest of the real learning side are found and stop a promotion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from annotation.bridge import loop, phases
from annotation.bridge.learner import Learner
from annotation.errors import Conflict
from annotation.models import EnsembleMember, Project, Round
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.leaks import find_leaks, find_project_leaks
from annotation.selectors.rounds.manifests import _case
from annotation.selectors.rounds.records import round_snapshot
from annotation.selectors.rounds.training_cases import patient_hash, sealed_cases
from annotation.services.rounds.decisions import promote_round
from annotation.services.rounds.planning import plan_round
from annotation.storage import Checkout
from mlloop.contract.manifest import Case, Manifest, TrainManifest, write_manifest
from tests.support.database import unguarded
from tests.support.factories import make_proposal
from tests.support.learning import fake_learner, fill_project, small_plan

pytestmark = pytest.mark.timeout(900)  # the real child loads torch at each start

# Both children write on their cards whom they loaded. The real one takes half a minute.
by_each_child = pytest.mark.parametrize(
    "child", [fake_learner(), pytest.param(Learner(), marks=pytest.mark.slow)], ids=["fake", "real"]
)


def plant(child: Learner, *cases: Case) -> Learner:
    """Hand the child more cases than the server chose, as a bug in the manifest would."""

    def write(path: Path, manifest: Manifest) -> str:
        if isinstance(manifest, TrainManifest):
            known = {case.image for case in manifest.cases}
            more = tuple(case for case in cases if case.image not in known)
            manifest = replace(manifest, cases=(*manifest.cases, *more))
        return write_manifest(path, manifest)

    return replace(child, write=write)


def trained(round: Round, learner: Learner) -> Round:
    """Train with this child; later phases do not touch the cards, so a fake child does them."""
    loop.sweep()
    for member in round.members.all():
        assert phases.train_member(member.pk, learner=learner)
    return loop.run_until_decision(round, learner=fake_learner())


def planned(project: Project) -> Round:
    fill_project(project, read=4, unread=1, controls=0, sealed=1)
    return plan_round(project=project, actor=None, plan=small_plan(networks=1, folds=2))


def test_without_a_plant_there_is_no_leak(project: Project) -> None:
    done = loop.run_until_decision(planned(project), learner=Learner())
    assert done.state == "awaiting_decision", done.failure
    assert find_project_leaks(project) == ()
    assert promote_round(round=done, actor=None, reason="clean").state == "serving"


@by_each_child
def test_a_sealed_patient_in_the_training_data_is_found(
    project: Project, child: Learner, tmp_path: Path
) -> None:
    round = planned(project)
    sealed = sealed_cases(project, label_of(project, "infection"))[0]
    files = Checkout(tmp_path / "planted")
    planted = _case(sealed, round.folds, files)
    with files:
        done = trained(round, plant(child, planted))
    leaks = find_leaks(done)
    assert {leak.kind for leak in leaks} == {"sealed_in_training"}
    assert {leak.patient for leak in leaks} == {patient_hash(project.id, "s0")}
    assert len(leaks) == 2
    assert done.figures.leaks == 2
    with pytest.raises(Conflict, match=r"leaks in 2 place.*had loaded the sealed"):
        promote_round(round=done, actor=None, reason="I did not look")


@by_each_child
def test_an_in_fold_patient_in_the_training_data_is_found(
    project: Project, child: Learner, tmp_path: Path
) -> None:
    round = planned(project)
    case = round_snapshot(round).train[0]
    files = Checkout(tmp_path / "planted")
    planted = _case(case, round.folds, files)
    with files:
        done = trained(round, plant(child, planted))
    leaks = find_leaks(done)
    assert {leak.kind for leak in leaks} == {"seen_patient"}
    assert {(leak.patient, leak.image) for leak in leaks} == {(case.patient, case.image)}
    assert {leak.fold for leak in leaks} == {case.fold % round.folds}


@pytest.fixture
def done(project: Project) -> Round:
    return loop.run_until_decision(planned(project), learner=fake_learner())


def test_what_a_parent_saw_counts_as_seen(project: Project, done: Round) -> None:
    member = done.members.get(fold=0)
    held_out = next(c for c in round_snapshot(done).train if c.fold % done.folds == 0)
    card = {**member.card, "parent": "x", "parent_patients": [held_out.patient]}
    with unguarded():
        EnsembleMember.objects.filter(pk=member.pk).update(card=card)
    assert {leak.kind for leak in find_leaks(done)} == {"seen_patient"}


def test_a_missing_card_counts_as_a_leak(project: Project, done: Round) -> None:
    with unguarded():
        EnsembleMember.objects.filter(round=done, fold=1).update(card={})
    assert {leak.kind for leak in find_leaks(done)} == {"no_card"}


def test_a_proposal_on_a_sealed_image_is_a_leak(
    project: Project, done: Round, member: Callable[..., object]
) -> None:
    sealed = project.images.get(patient__split="sealed")
    make_proposal(done, sealed, network=small_plan().networks[0].key)
    assert {leak.kind for leak in find_leaks(done)} == {"sealed_proposal"}
