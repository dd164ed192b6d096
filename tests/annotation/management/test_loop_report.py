"""The report of a simulation: lung Dice and severity grades of each round."""

from __future__ import annotations

from annotation.bridge import loop
from annotation.management.loop_report import proposals_arm_facts
from annotation.management.loop_table import table_lines
from annotation.management.simulation import SimulatedRound, Simulation
from annotation.models import Project, Round
from annotation.selectors.rounds.against_truth import proposals_against_truth
from annotation.services.reading.robot_reader import Tally
from annotation.services.rounds.planning import plan_round
from tests.support.factories import disc, make_reference
from tests.support.learning import fake_learner, fill_project, plan_with_lung, small_plan


def simulate(project: Project, *, has_lung: bool) -> Simulation:
    made = fill_project(project)
    for image in made["read"] if has_lung else ():
        make_reference(image, disc(radius=25), label="lung")
    plan = plan_with_lung() if has_lung else small_plan(networks=1)
    round = plan_round(project=project, actor=None, plan=plan)
    done = loop.run_until_decision(round, learner=fake_learner())
    assert done.state == Round.State.AWAITING_DECISION, done.failure
    simulated = SimulatedRound(done, Tally(), proposals_against_truth(done), 1.0)
    return Simulation(project, Tally(), Tally(), [simulated])


def test_loop_report_when_there_are_lung_masks_then_it_has_their_dice_and_the_grades(
    project: Project,
) -> None:
    simulation = simulate(project, has_lung=True)
    facts = proposals_arm_facts(simulation)
    (round_facts,) = facts["rounds"]
    lung = simulation.rounds[0].round.figures.lung["ensemble"]
    assert round_facts["lung_n"] == 6
    assert round_facts["lung_dice_per_image"] == lung.per_image.value > 0
    assert round_facts["lung_dice_pooled"] == lung.pooled.value
    # The fake child grades every image as mild: six read images and two unread images.
    assert round_facts["severity"] == {
        "none": 0,
        "mild": 8,
        "moderate": 0,
        "severe": 0,
        "critical": 0,
        "not_graded": 0,
    }
    title, head, row = table_lines(facts)
    assert "no controls" in title
    assert "lung: per image" in head
    assert f"{round_facts['lung_dice_per_image']:.3f}" in row
    assert "0 8 0 0 0 0" in row


def test_loop_report_when_there_is_no_lung_mask_then_nothing_is_graded_or_measured(
    project: Project,
) -> None:
    (round_facts,) = proposals_arm_facts(simulate(project, has_lung=False))["rounds"]
    assert (round_facts["lung_n"], round_facts["lung_dice_per_image"]) == (0, None)
    assert round_facts["severity"]["not_graded"] == 8
