"""The gate refuses a round that may be worse than the serving one, overall or in a subgroup."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from annotation import storage
from annotation.errors import Conflict, Invalid
from annotation.models import AuditEvent, Image, Project, Round, User
from annotation.round_figures import Gate, RoundFigures, SealedCase
from annotation.selectors.rounds.gate import judge_round
from annotation.services import claims
from annotation.services.rounds import claiming, recording
from annotation.services.rounds.decisions import promote_round, promote_unattended, refuse_round
from mlloop.contract.records import canonical_json
from tests.support.database import unguarded
from tests.support.factories import make_image, make_patient, make_round

Cases = list[dict[str, object]]


@pytest.fixture
def sealed(project: Project) -> list[Image]:
    """Thirty infected images and twenty controls, each of a patient of its own."""
    return [
        make_image(
            project,
            patient=make_patient(project, f"s{i}", split="sealed"),
            group="covid" if i < 30 else "normal",
            seed=i,
        )
        for i in range(50)
    ]


def counted(images: list[Image], *, overlap: float = 0.8, false: int = 0) -> Cases:
    """Return a round's counts: the share of 1,000 infected pixels it found, and false pixels."""
    return [
        {
            "image": str(image.id),
            "patient": image.patient.key,
            "group": image.group,
            "tp": int(1000 * overlap) if image.group == "covid" else 0,
            "fn": 1000 - int(1000 * overlap) if image.group == "covid" else 0,
            "fp": false if image.group == "normal" else 100 + 7 * (i % 5),
            "tn": 3000,
            "cell": 1 if image.group == "covid" else 2,
        }
        for i, image in enumerate(images)
    ]


def speckled(cases: Cases, n: int = 1000) -> Cases:
    """Call 1 % of the pixels of the first `n` controls infected."""
    controls = [case for case in cases if case["group"] == "normal"]
    for case in controls[:n]:
        case |= {"fp": 30, "tn": 2970}
    return cases


def serving(project: Project, cases: Cases) -> Round:
    row = make_round(project, number=1, state="serving")
    document = canonical_json({"schema": 1, "round": 1, "cases": cases})
    row.evaluation_key = storage.put(project.id, document)
    with unguarded():
        row.save()
    return row


def judged(project: Project, cases: Cases) -> Gate:
    row = make_round(project, number=2, stage="stage_2", state="evaluating")
    return judge_round(row, [SealedCase(**case) for case in cases])


def evaluated(project: Project, cases: Cases) -> Round:
    """End the evaluation of round 2 as the worker does."""
    row = make_round(project, number=2, stage="stage_2", state="evaluating")
    claim = claiming.claim_round(row.pk, Round.State.EVALUATING)
    assert isinstance(claim, claims.Claim)
    sealed_cases = [SealedCase(**case) for case in cases]
    gate = judge_round(row, sealed_cases)
    recording.finish_evaluating(
        claim, row, cases=sealed_cases, figures=RoundFigures(gate=gate), report={}, seconds=1.0
    )
    row.refresh_from_db()
    return row


def test_a_better_round_passes_overall_and_in_each_subgroup(
    project: Project, sealed: list[Image]
) -> None:
    serving(project, counted(sealed, overlap=0.6))
    gate = judged(project, counted(sealed, overlap=0.8))
    assert gate.outcome == "passed"
    assert {check.name for check in gate.checks} == {
        "all sealed images",
        "group covid",
        "group normal",
        "infection large",
        "infection no",
    }
    assert all(check.difference >= 0 for check in gate.checks)


def test_a_little_worse_within_the_margin_passes(project: Project, sealed: list[Image]) -> None:
    serving(project, counted(sealed, overlap=0.80))
    assert judged(project, counted(sealed, overlap=0.78)).outcome == "passed"


def test_a_worse_round_is_refused_with_the_reason_and_the_figures(
    project: Project, sealed: list[Image]
) -> None:
    serving(project, counted(sealed, overlap=0.8))
    row = evaluated(project, counted(sealed, overlap=0.5))
    assert row.state == "refused"
    assert "may be worse than round 1 by more than the margin of 0.05" in row.decision_reason
    assert "all sealed images (dice, n = 50)" in row.decision_reason
    assert AuditEvent.objects.filter(verb="refuse_round", target=str(row.id)).count() == 1


def test_a_subgroup_that_got_worse_refuses_a_round_that_is_better_overall(
    project: Project, sealed: list[Image]
) -> None:
    serving(project, counted(sealed, overlap=0.6))
    gate = judged(project, counted(sealed, overlap=0.9, false=400))
    assert gate.outcome == "refused"
    assert {(check.name, check.metric) for check in gate.checks if not check.holds} == {
        ("group normal", "specificity"),
        ("infection no", "specificity"),
    }
    assert gate.checks[0].holds


@pytest.fixture
def more_controls(project: Project, sealed: list[Image]) -> list[Image]:
    """Thirty infected images and thirty controls."""
    return sealed + [
        make_image(
            project, patient=make_patient(project, f"c{i}", split="sealed"), group="normal", seed=i
        )
        for i in range(50, 60)
    ]


def test_a_round_that_speckles_every_control_is_refused_for_the_controls(
    project: Project, more_controls: list[Image], member: Callable[..., User], client: Client
) -> None:
    serving(project, counted(more_controls, overlap=0.8))
    row = evaluated(project, speckled(counted(more_controls, overlap=0.9)))
    assert row.state == "refused"
    assert "infected on more controls and other films without infection" in row.decision_reason
    assert "fall by more than 0.2: group normal (specificity, n = 30): -1.000" in (
        row.decision_reason
    )
    # Dice and the controls' pixel figures do not show it. So an older gate let the round pass.
    worse = [check for check in row.figures.gate.checks if not check.holds]
    assert {check.convention for check in worse} == {"image_level"}
    client.force_login(member("engineer", name="ann"))
    page = client.get("/p/pilot/rounds/2/").content.decode()
    assert "specificity, whole images by any pixel" in page


@pytest.mark.parametrize(("n", "outcome"), [(1, "passed"), (6, "refused")])
def test_a_few_speckled_controls_are_judged_by_the_margin_of_the_plan(
    project: Project, more_controls: list[Image], n: int, outcome: str
) -> None:
    serving(project, counted(more_controls))
    assert judged(project, speckled(counted(more_controls), n)).outcome == outcome


def test_a_flood_of_controls_that_were_called_before_is_refused_by_its_pixels(
    project: Project, more_controls: list[Image]
) -> None:
    serving(project, speckled(counted(more_controls, overlap=0.6)))
    gate = judged(project, counted(more_controls, overlap=0.9, false=400))
    assert gate.outcome == "refused"
    assert {check.convention for check in gate.checks if not check.holds} == {"pooled"}


def test_fewer_than_twenty_controls_are_not_judged_on_their_own(
    project: Project, sealed: list[Image]
) -> None:
    serving(project, counted(sealed[:49]))
    gate = judged(project, speckled(counted(sealed[:49])))
    assert gate.outcome == "passed"
    assert "controls" not in gate.sentence.lower()


def test_a_plan_without_a_margin_for_controls_is_judged_by_the_default(
    project: Project, more_controls: list[Image]
) -> None:
    serving(project, counted(more_controls))
    row = make_round(project, number=2, stage="stage_2", state="evaluating")
    del row.plan["control_margin"]
    with unguarded():
        row.save()
    gate = judge_round(row, [SealedCase(**case) for case in speckled(counted(more_controls))])
    assert {check.margin for check in gate.checks if not check.holds} == {0.2}


def test_too_few_sealed_images_say_so_and_nothing_is_promoted_by_itself(
    project: Project, sealed: list[Image]
) -> None:
    row = evaluated(project, counted(sealed[:19]))
    assert row.figures.gate.outcome == "not_measured"
    assert "19 sealed images are read; at least 20" in row.figures.gate.sentence
    project.promotes_itself = True
    project.save(update_fields=["promotes_itself"])
    promote_unattended()
    row.refresh_from_db()
    assert row.state == "awaiting_decision"


def test_a_cell_with_another_reference_in_it_is_not_compared(
    project: Project, sealed: list[Image]
) -> None:
    former = counted(sealed)
    for case in former[:5]:
        case["fn"] = 5000
    serving(project, former)
    gate = judged(project, counted(sealed))
    assert {(check.name, check.n) for check in gate.checks} == {("all sealed images", 20)}


def test_a_subgroup_is_judged_and_named_only_if_it_is_of_whole_cells(
    project: Project, sealed: list[Image]
) -> None:
    Image.objects.filter(pk__in=[image.pk for image in sealed[:25]]).update(view_position="AP")
    serving(project, counted(sealed))
    gate = judged(project, counted(sealed))
    # 25 of 30 infected films are AP: all 30 less these would be 5.
    assert not [check.name for check in gate.checks if check.name.startswith("view AP")]
    assert "view PA" in {check.name for check in gate.checks}
    view = next(check for check in gate.checks if check.name == "view PA")
    assert view.n == 20  # the controls; the infected ones in PA are 5


def test_a_first_round_passes_and_is_promoted_where_the_project_asks(
    project: Project, sealed: list[Image]
) -> None:
    project.promotes_itself = True
    project.save(update_fields=["promotes_itself"])
    row = evaluated(project, counted(sealed))
    promote_unattended()
    row.refresh_from_db()
    assert row.state == "serving"


def test_an_engineer_overrides_the_gate_with_a_written_reason(
    project: Project,
    sealed: list[Image],
    member: Callable[..., User],
    client: Client,
) -> None:
    serving(project, counted(sealed, overlap=0.8))
    row = evaluated(project, counted(sealed, overlap=0.5))
    with pytest.raises(Invalid, match="Write the reason"):
        promote_round(round=row, actor=None, reason=" ")
    client.force_login(member("engineer", name="ann"))
    page = client.get("/p/pilot/rounds/2/").content.decode()
    assert "Promote anyway" in page
    assert "Refused by the gate" in page
    client.post("/p/pilot/rounds/2/", {"verb": "promote", "reason": "the new films are harder"})
    row.refresh_from_db()
    assert (row.state, row.decision_reason) == ("serving", "the new films are harder")
    assert project.rounds.get(number=1).state == "superseded"


def test_a_round_that_a_person_refused_stays_refused(project: Project, sealed: list[Image]) -> None:
    row = evaluated(project, counted(sealed))
    refuse_round(round=row, actor=None, reason="wrong plan")
    with pytest.raises(Conflict, match="cannot be promoted"):
        promote_round(round=row, actor=None, reason="after all")


def of_one_patient(cases: Cases, chosen: list[Image]) -> Cases:
    """Return the cases with one patient for all chosen images."""
    ids = {str(image.id) for image in chosen}
    return [case | ({"patient": "one"} if case["image"] in ids else {}) for case in cases]


def test_a_subgroup_of_one_patient_is_named_and_not_judged(
    project: Project, sealed: list[Image], member: Callable[..., User], client: Client
) -> None:
    controls = sealed[30:]
    serving(project, of_one_patient(counted(sealed), controls))
    row = evaluated(project, of_one_patient(counted(sealed, false=2000), controls))
    gate = row.figures.gate
    unjudged = [check for check in gate.checks if check.holds is None]
    assert [(check.name, check.convention, check.ci_low) for check in unjudged] == [
        (name, convention, None)
        for name in ("group normal", "infection no")
        for convention in ("pooled", "image_level")
    ]
    assert "group normal" not in gate.sentence.split("Not judged")[0]
    client.force_login(member("engineer"))
    page = client.get("/p/pilot/rounds/2/").content.decode()
    assert page.count("not judged: fewer than two patients") == 4


def test_a_gate_that_passes_says_which_subgroups_it_did_not_judge(
    project: Project, sealed: list[Image]
) -> None:
    controls = sealed[30:]
    serving(project, of_one_patient(counted(sealed), controls))
    gate = judged(project, of_one_patient(counted(sealed), controls))
    assert gate.outcome == "passed"
    assert "in each of 2 subgroups" in gate.sentence
    assert gate.sentence.endswith(
        "Not judged, with fewer than two patients: group normal (n = 20), infection no (n = 20)."
    )


def test_sealed_images_of_one_patient_are_not_measured(
    project: Project, sealed: list[Image]
) -> None:
    serving(project, of_one_patient(counted(sealed), sealed))
    gate = judged(project, of_one_patient(counted(sealed, overlap=0.2), sealed))
    assert gate.outcome == "not_measured"
    assert "of fewer than two patients" in gate.sentence
