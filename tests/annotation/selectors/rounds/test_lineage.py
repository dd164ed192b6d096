"""A warm start goes on from the serving member, and counts every patient that member saw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone

from annotation.bridge import loop
from annotation.errors import Conflict
from annotation.models import EnsembleMember, Project, Round
from annotation.selectors.rounds.leaks import find_leaks
from annotation.selectors.rounds.manifests import train_manifest
from annotation.selectors.rounds.training_cases import patient_hash
from annotation.services.rounds.decisions import promote_round
from annotation.services.rounds.planning import plan_round
from mlloop.contract.plan import Plan
from tests.support.database import unguarded
from tests.support.learning import fake_learner, fill_project, no_files, small_plan


def warm(plan: Plan) -> Plan:
    return replace(plan, initial="previous")


def decided(project: Project, plan: Plan) -> Round:
    round = plan_round(project=project, actor=None, plan=plan)
    return loop.run_until_decision(round, learner=fake_learner())


def served(project: Project, plan: Plan) -> Round:
    return promote_round(round=decided(project, plan), actor=None, reason="good")


def parents(round: Round) -> dict[tuple[str, int], EnsembleMember | None]:
    return {(member.network, member.fold): member.parent for member in round.members.all()}


def test_a_warm_round_goes_on_from_the_same_network_and_fold_that_serve(project: Project) -> None:
    fill_project(project)
    plan = warm(small_plan())
    first = served(project, plan)
    assert set(parents(first).values()) == {None}
    second = plan_round(project=project, actor=None, plan=plan)
    assert second.figures.train.warm_members == 6
    for member in second.members.all():
        parent = first.members.get(network=member.network, fold=member.fold)
        handed = train_manifest(member, no_files()).parent
        assert member.parent == parent
        assert handed is not None
        assert handed.weights_sha256 == parent.weights_sha256
        assert list(handed.patients) == parent.card["loaded_patients"]
        aside = set(parent.card["inner_patients"])
        assert aside
        assert set(handed.taught) == set(handed.patients) - aside


def test_lineage_is_transitive_and_without_a_leak(project: Project) -> None:
    made = fill_project(project)
    plan = warm(small_plan(networks=1))
    first = served(project, plan)
    # Only the first round's members loaded this patient's images.
    grandparent = first.members.get(fold=(made["read"][0].patient.fold + 1) % first.folds)
    only_first = patient_hash(project.id, made["read"][0].patient.key)
    second = served(project, plan)
    parent = second.members.get(fold=grandparent.fold)
    parent.card["loaded_patients"].remove(only_first)
    parent.card["parent_patients"] = []  # a card that forgets what it inherited
    with unguarded():
        parent.save()
    third = decided(project, plan)
    assert find_leaks(third) == ()
    assert only_first in third.members.get(fold=grandparent.fold).card["parent_patients"]
    member = third.members.first()
    assert member
    assert member.parent
    assert member.parent.parent
    assert set(member.card["parent_patients"]) >= set(member.parent.card["parent_patients"])
    assert member.card["parent"] == member.parent.weights_sha256


def test_patients_that_an_ancestor_learned_from_count_as_taught_and_so_do_all_on_an_old_card(
    project: Project,
) -> None:
    fill_project(project)
    plan = warm(small_plan(networks=1))
    served(project, plan)
    parent = served(project, plan).members.order_by("fold").first()
    assert parent
    grandparent = parent.parent
    assert grandparent
    # The parent's card says it set a patient aside from whom the grandparent had learned.
    learned = set(grandparent.card["loaded_patients"]) - set(grandparent.card["inner_patients"])
    parent.card["inner_patients"].append(min(learned))
    with unguarded():
        parent.save()
    third = plan_round(project=project, actor=None, plan=plan)
    member = third.members.get(fold=parent.fold)
    handed = train_manifest(member, no_files()).parent
    assert handed
    assert min(learned) in handed.taught
    assert set(handed.patients) - set(handed.taught) == set(grandparent.card["inner_patients"])
    del grandparent.card["inner_patients"]  # as members before this field
    with unguarded():
        grandparent.save()
    member = third.members.get(fold=parent.fold)
    handed = train_manifest(member, no_files()).parent
    assert handed
    assert handed.taught == handed.patients


def test_a_cold_plan_another_network_or_other_folds_start_afresh(project: Project) -> None:
    fill_project(project)
    plan = warm(small_plan())
    served(project, plan)
    first, second = plan.networks
    wider = replace(first, decoder_channels=(32, 16, 16))
    longer = replace(first, steps=plan.steps + 1)
    for other, expected, said in (
        (small_plan(), 0, ""),
        (replace(plan, folds=2), 0, "4 of 4 members start afresh"),
        (replace(plan, networks=(wider, second)), 3, "3 of 6 members start afresh"),
        (replace(plan, networks=(longer, second)), 6, ""),
    ):
        round = plan_round(project=project, actor=None, plan=other)
        assert round.members.exclude(parent=None).count() == expected
        assert said in round.folds_note if said else "afresh" not in round.folds_note
        Round.objects.filter(pk=round.pk).update(state="cancelled")


def test_a_patient_withdrawn_since_ends_the_lineage_of_all_who_saw_them(project: Project) -> None:
    made = fill_project(project)
    plan = warm(small_plan(networks=1))
    served(project, plan)
    gone = made["read"][0]
    gone.withdrawn_at = timezone.now()
    gone.save()
    round = plan_round(project=project, actor=None, plan=plan)
    fold = gone.patient.fold % round.folds
    for member in round.members.all():
        # Only the member that never saw the patient may go on.
        assert (member.parent is not None) == (member.fold == fold)


def test_a_patient_withdrawn_after_planning_is_neither_loaded_nor_inherited(
    project: Project,
) -> None:
    made = fill_project(project)
    plan = warm(small_plan(networks=1))
    served(project, plan)
    round = plan_round(project=project, actor=None, plan=plan)
    gone = made["read"][0]
    gone.withdrawn_at = timezone.now()
    gone.save()
    for member in round.members.all():
        manifest = train_manifest(member, no_files())
        assert str(gone.id) not in {case.image for case in manifest.cases}
        saw = member.fold != gone.patient.fold % round.folds
        assert (manifest.parent is None) == saw
    assert loop.run_until_decision(round, learner=fake_learner()).state == "awaiting_decision"


def test_a_parent_that_saw_a_held_out_patient_is_found_as_a_leak(project: Project) -> None:
    made = fill_project(project)
    plan = warm(small_plan(networks=1))
    first = served(project, plan)
    victim = made["read"][0].patient
    second = plan_round(project=project, actor=None, plan=plan)
    # Planted after the choice: the parent's card now says it saw the patient its fold leaves out.
    parent = first.members.get(fold=victim.fold % first.folds)
    parent.card["loaded_patients"].append(patient_hash(project.id, victim.key))
    with unguarded():
        parent.save()
    done = loop.run_until_decision(second, learner=fake_learner())
    assert {(leak.kind, leak.fold) for leak in find_leaks(done)} == {("seen_patient", parent.fold)}
    with pytest.raises(Conflict, match="leaks in"):
        promote_round(round=done, actor=None, reason="I did not look")
