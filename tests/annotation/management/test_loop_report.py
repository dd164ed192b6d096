"""The loop's report: lungs and severities of each round, and what its figures are over."""

from __future__ import annotations

from annotation.bridge import loop
from annotation.management.loop_report import proposals_arm_facts, table_lines
from annotation.management.simulation import SimulatedRound, Simulation
from annotation.models import Project, Round
from annotation.selectors.rounds.simulated import proposals_against_truth
from annotation.services.reading.simulated_reader import Tally
from annotation.services.rounds.lifecycle import plan_round
from tests.annotation.factories import disc, make_reference
from tests.annotation.learning import fake_learner, fill_project, small_plan
from tests.annotation.services.rounds.test_lung import plan_with_lung


def played(project: Project, *, has_lung: bool) -> Simulation:
    made = fill_project(project)
    for image in made["read"] if has_lung else ():
        make_reference(image, disc(radius=25), label="lung")
    plan = plan_with_lung() if has_lung else small_plan(networks=1)
    round = plan_round(project=project, actor=None, plan=plan)
    done = loop.run_until_decision(round, learner=fake_learner())
    assert done.state == Round.State.AWAITING_DECISION, done.failure
    one = SimulatedRound(done, Tally(), proposals_against_truth(done), 1.0)
    return Simulation(project, Tally(), Tally(), [one])


def test_loop_report_when_lungs_are_known_then_it_has_their_dice_and_the_grades(
    project: Project,
) -> None:
    play = played(project, has_lung=True)
    facts = proposals_arm_facts(play)
    (found,) = facts["rounds"]
    lung = play.rounds[0].round.figures.lung["ensemble"]
    assert found["lung_n"] == 6
    assert found["lung_dice_per_image"] == lung.per_image.value > 0
    assert found["lung_dice_pooled"] == lung.pooled.value
    # The fake child grades every film as mild: six read and two unread ones.
    assert found["severity"] == {
        "none": 0,
        "mild": 8,
        "moderate": 0,
        "severe": 0,
        "critical": 0,
        "not_graded": 0,
    }
    said, head, row = table_lines(facts)
    assert "no control" in said
    assert "lung: per image" in head
    assert f"{found['lung_dice_per_image']:.3f}" in row
    assert "0 8 0 0 0 0" in row


def test_loop_report_when_no_lung_is_known_then_nothing_is_graded_or_measured(
    project: Project,
) -> None:
    (found,) = proposals_arm_facts(played(project, has_lung=False))["rounds"]
    assert (found["lung_n"], found["lung_dice_per_image"]) == (0, None)
    assert found["severity"]["not_graded"] == 8
