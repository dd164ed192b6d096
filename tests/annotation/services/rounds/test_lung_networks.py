"""A lung network is trained separately, proposes out of fold, and is on no worklist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annotation.bridge import loop
from annotation.models import Project, Proposal, Round
from annotation.selectors.rounds.leaks import find_leaks
from annotation.selectors.rounds.records import round_plan, round_snapshot
from annotation.services.rounds.planning import plan_round
from tests.support.database import unguarded
from tests.support.factories import disc, make_reference
from tests.support.learning import fake_learner, fill_project, plan_with_lung, small_plan


@pytest.fixture
def done(project: Project) -> Round:
    """A finished round; half of the read images and both controls have a lung mask."""
    made = fill_project(project)
    for image in (*made["read"][:3], *made["controls"], made["sealed"][0]):
        make_reference(image, disc(radius=25), label="lung")
    planned = plan_round(project=project, actor=None, plan=plan_with_lung())
    return loop.run_until_decision(planned, learner=fake_learner())


def test_lung_networks_when_trained_then_on_lung_masks_of_other_folds_only(done: Round) -> None:
    assert done.state == Round.State.AWAITING_DECISION, done.failure
    snapshot = round_snapshot(done)
    assert len(snapshot.lung) == 5
    folds = {case.patient: case.fold for case in snapshot.lung}
    for member in done.members.filter(network="lung-unet"):
        loaded = set(member.card["loaded_patients"])
        assert loaded == {patient for patient, fold in folds.items() if fold != member.fold}
    assert find_leaks(done) == ()


def test_lung_proposals_when_recorded_then_a_patient_with_a_lung_mask_gets_the_fold_without_them(
    done: Round,
) -> None:
    rows = Proposal.objects.filter(round=done, label__key="lung").exclude(network="ensemble")
    kinds = {row.image.patient.key: (row.kind, row.members) for row in rows}
    assert kinds["r1"] == ("out_of_fold", [["lung-unet", 1]])
    # Their infection was learned, their lungs were not: for the lung network they are new.
    assert kinds["r4"] == ("mean", [["lung-unet", fold] for fold in range(3)])
    infection = Proposal.objects.filter(round=done, label__key="infection", kind="out_of_fold")
    assert {row.image.patient.key for row in infection} == {f"r{i}" for i in range(6)}


def test_lung_proposals_when_recorded_then_they_wait_for_nobody_and_carry_no_findings(
    done: Round,
) -> None:
    lung = Proposal.objects.filter(round=done, label__key="lung")
    assert lung.filter(kind="ensemble").count() == 8
    assert not lung.filter(is_waiting=True).exists()
    assert set(lung.values_list("disagreement", "disagreement_key")) == {(None, "")}
    assert all(row.findings == {} for row in lung)
    ensemble = Proposal.objects.filter(round=done, label__key="infection", kind="ensemble")
    assert {row.findings["grade"] for row in ensemble} == {"mild"}


def test_metrics_when_there_is_a_lung_network_then_its_figures_are_separate(done: Round) -> None:
    assert set(done.figures.proposals) == {"ensemble", small_plan().networks[0].key}
    assert set(done.figures.lung) == {"ensemble", "lung-unet"}
    assert done.figures.lung["lung-unet"].pooled.n == 3
    assert done.figures.look.waiting == 2


def test_leaks_when_a_lung_network_saw_the_patient_then_found(done: Round) -> None:
    member = done.members.get(network="lung-unet", fold=1)
    seen = next(case.patient for case in round_snapshot(done).lung if case.fold == 1)
    member.card["loaded_patients"].append(seen)
    with unguarded():
        member.save()
    assert {leak.network for leak in find_leaks(done)} == {"lung-unet"}


@pytest.mark.parametrize(("with_lungs", "words"), [(0, "No training image"), (1, "in one fold")])
def test_plan_when_lungs_cannot_be_learned_then_left_out_and_said(
    project: Project, with_lungs: int, words: str
) -> None:
    made = fill_project(project)
    for image in made["read"][:with_lungs]:
        make_reference(image, disc(radius=25), label="lung")
    round = plan_round(project=project, actor=None, plan=plan_with_lung())
    assert words in round.folds_note
    assert "severity" in round.folds_note
    assert round_plan(round).networks_of("lung") == ()
    assert set(round.members.values_list("network", flat=True)) == {small_plan().networks[0].key}


def test_warm_start_when_a_lung_network_serves_then_it_goes_on_from_its_own_fold(
    done: Round, project: Project
) -> None:
    Round.objects.filter(pk=done.pk).update(state=Round.State.SERVING)
    plan = replace(plan_with_lung(), initial="previous")
    following = plan_round(project=project, actor=None, plan=plan)
    parents = {
        (member.network, member.fold): (member.parent.network, member.parent.fold)
        for member in following.members.select_related("parent")
        if member.parent
    }
    assert len(parents) == 6
    assert all(key == parent for key, parent in parents.items())
