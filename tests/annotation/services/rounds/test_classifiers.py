"""A round with a classifier: it learns groups, its maps are out of fold, and no map is a mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from annotation.bridge import loop
from annotation.bridge.learner import Learner
from annotation.models import Image, Label, Project, Proposal, Round, User
from annotation.selectors.labels import labels_of
from annotation.selectors.rounds.leaks import find_leaks
from annotation.selectors.rounds.manifests import propose_manifest
from annotation.selectors.rounds.records import round_plan, round_snapshot
from annotation.services.rounds.lifecycle import cancel_round, resume_round
from annotation.services.rounds.planning import plan_round
from mlloop.contract.plan import Plan
from tests.support.database import unguarded
from tests.support.factories import disc, make_reference
from tests.support.learning import CLASSIFIER, fake_learner, fill_project, no_files, small_plan

KEY = CLASSIFIER.key


def plan_with_classifier(**changes: object) -> Plan:
    plan = small_plan(networks=1)
    return replace(plan, networks=(*plan.networks, CLASSIFIER), **changes)  # type: ignore[arg-type]


def planned(project: Project, plan: Plan | None = None) -> Round:
    return plan_round(project=project, actor=None, plan=plan or plan_with_classifier())


@pytest.fixture
def done(project: Project) -> Round:
    """A finished round of six references, two controls and two unread films."""
    made = fill_project(project)
    for image, source in zip(made["read"] + made["controls"], "aaabbbab", strict=True):
        Image.objects.filter(pk=image.pk).update(source=source)
    return loop.run_until_decision(planned(project), learner=fake_learner())


def test_classifier_when_trained_then_on_the_references_and_controls_of_other_folds_only(
    done: Round,
) -> None:
    assert done.state == Round.State.AWAITING_DECISION, done.failure
    folds = {case.patient: case.fold % 3 for case in round_snapshot(done).train}
    assert len(folds) == 8
    for member in done.members.filter(network=KEY):
        loaded = set(member.card["loaded_patients"])
        assert loaded == {patient for patient, fold in folds.items() if fold != member.fold}
    assert find_leaks(done) == ()


def test_activation_maps_when_recorded_then_a_trained_patient_gets_the_fold_without_them(
    done: Round,
) -> None:
    rows = Proposal.objects.filter(round=done, label__key="activation", network=KEY)
    kinds = {row.image.patient.key: (row.kind, row.members) for row in rows}
    assert kinds["r1"] == ("out_of_fold", [[KEY, 1]])
    assert kinds["u0"] == ("mean", [[KEY, fold] for fold in range(3)])
    assert len(kinds) == 8


def test_activation_maps_when_recorded_then_they_wait_for_nobody_and_carry_no_findings(
    done: Round,
) -> None:
    rows = Proposal.objects.filter(round=done, label__key="activation")
    assert rows.filter(kind="ensemble").count() == 8
    assert not rows.filter(is_waiting=True).exists()
    assert set(rows.values_list("disagreement", "disagreement_key")) == {(None, "")}
    assert all(row.findings == {} for row in rows)
    infection = Proposal.objects.filter(round=done, label__key="infection")
    assert {tuple(key) for row in infection for key in row.members}.isdisjoint(
        {(KEY, fold) for fold in range(3)}
    )
    thresholds = done.figures.calibration.thresholds
    assert KEY not in {fitted.network for fitted in thresholds}


def test_leaks_when_a_classifier_saw_the_patient_then_found(done: Round) -> None:
    member = done.members.get(network=KEY, fold=1)
    seen = next(
        case.patient for case in round_snapshot(done).train if case.fold == 1 and case.reference
    )
    member.card["loaded_patients"].append(seen)
    with unguarded():
        member.save()
    assert {(leak.network, leak.kind) for leak in find_leaks(done)} == {(KEY, "seen_patient")}


def test_metrics_when_there_is_a_classifier_then_auc_and_pixels_are_separate(done: Round) -> None:
    assert set(done.figures.proposals) == {"ensemble", small_plan().networks[0].key}
    activation = done.figures.activation
    assert set(activation) == {KEY}
    classifier = activation[KEY]
    assert classifier.auc.value == 1.0
    assert (classifier.auc.n, classifier.auc.n_positive) == (8, 6)
    assert [(line.source, line.auc.n) for line in classifier.auc_by_source] == [("a", 4), ("b", 4)]
    pooled = {figure.name: figure for figure in classifier.pixels if figure.convention == "pooled"}
    ours = done.figures.proposals["ensemble"].pooled
    assert pooled["dice"].n == ours.n == 6
    assert replace(pooled["dice"], n_empty=0) == classifier.pooled
    assert "best pooled Dice on the other folds" in classifier.threshold


def test_scores_when_asked_for_then_of_every_training_film_once(
    done: Round, tmp_path: Path
) -> None:
    manifest = propose_manifest(done, tmp_path, no_files())
    assert {case.image for case in manifest.scored} == {c.image for c in round_snapshot(done).train}
    assert {case.group for case in manifest.scored} == {"covid", "normal"}


@pytest.mark.parametrize(
    ("controls", "words"), [(0, "No patient is other than covid"), (1, "are in one fold")]
)
def test_plan_when_groups_cannot_be_learned_then_left_out_and_said(
    project: Project, controls: int, words: str
) -> None:
    fill_project(project, controls=controls)
    round = planned(project)
    assert words in round.folds_note
    assert "no activation maps" in round.folds_note
    assert round_plan(round).networks_of("activation") == ()
    assert set(round.members.values_list("network", flat=True)) == {small_plan().networks[0].key}
    assert not labels_of(project).filter(key="activation").exists()


def test_label_when_two_rounds_ask_for_it_then_there_is_one_and_the_others_stay(
    done: Round, project: Project
) -> None:
    before = list(Label.objects.order_by("order").values_list("id", "key"))
    assert [key for _, key in before] == ["infection", "lung", "activation"]
    Round.objects.filter(pk=done.pk).update(state=Round.State.SERVING)
    planned(project)
    assert list(Label.objects.order_by("order").values_list("id", "key")) == before


def test_warm_start_when_a_classifier_serves_then_the_next_one_starts_afresh(
    done: Round, project: Project
) -> None:
    Round.objects.filter(pk=done.pk).update(state=Round.State.SERVING)
    following = planned(project, plan_with_classifier(initial="previous"))
    parents = following.members.values_list("network", "parent__network").distinct()
    unet = small_plan().networks[0].key
    assert set(parents) == {(unet, unet), (KEY, None)}


@pytest.mark.slow
@pytest.mark.timeout(900)  # the real child loads torch at each start
def test_a_classifier_when_really_trained_cancelled_and_resumed_then_its_maps_are_there(
    project: Project,
) -> None:
    made = fill_project(project, read=4, unread=1, controls=4, sealed=0)
    make_reference(made["controls"][0], disc(radius=1), verdict="no_infection")
    round = planned(project, plan_with_classifier(folds=2, steps=40, epochs=4))

    def cancel(phase: str, done: int, _total: int) -> None:
        is_at_it = round.members.filter(network=KEY, epoch__gte=1).exists()
        if phase == "training" and is_at_it and not round.cancel_requested:
            cancel_round(round=round, actor=None)

    stopped = loop.run_until_decision(round, learner=Learner(), on_progress=cancel)
    assert stopped.state == "cancelled"
    resume_round(round=stopped, actor=None)
    done = loop.run_until_decision(stopped, learner=Learner())
    assert done.state == "awaiting_decision", done.failure
    rows = Proposal.objects.filter(round=done, label__key="activation", network=KEY)
    assert {row.image.patient.key: row.kind for row in rows} == {
        "c0": "out_of_fold",
        **{f"r{i}": "out_of_fold" for i in range(4)},
        "u0": "mean",
    }
    assert find_leaks(done) == ()
    assert done.figures.activation[KEY].auc.n == 8
    card = done.members.get(network=KEY, fold=0).card
    assert card["decoder"] == "classifier"


def test_report_when_there_is_a_classifier_then_it_has_the_figures_of_both(
    done: Round, member: Callable[..., User]
) -> None:
    client = Client()
    client.force_login(member("engineer"))
    body = client.get(reverse("api:round-report", args=["pilot", 1])).json()
    assert body["activation"] == done.figures.to_json()["activation"]
    page = client.get(reverse("round_report", args=["pilot", 1])).content.decode()
    table = page.split("Comparison with the classifier")[1].split("</table>")[0]
    ours = done.figures.proposals["ensemble"].pooled.value
    theirs = done.figures.activation[KEY].pooled.value
    row = next(row for row in table.split("<tr>") if "<td>dice</td>" in row and "pooled" in row)
    assert f"{ours:.3f}" in row
    assert f"{theirs:.3f}" in row
    assert ours != theirs
    assert "Grad-CAM of gradcam" in client.get(reverse("round", args=["pilot", 1])).content.decode()


def test_report_when_there_is_no_classifier_then_it_does_not_mention_it(
    project: Project, member: Callable[..., User]
) -> None:
    fill_project(project)
    loop.run_until_decision(planned(project, small_plan(networks=1)), learner=fake_learner())
    client = Client()
    client.force_login(member("engineer"))
    assert client.get(reverse("api:round-report", args=["pilot", 1])).json()["activation"] == {}
    page = client.get(reverse("round_report", args=["pilot", 1])).content.decode()
    assert "classifier" not in page
