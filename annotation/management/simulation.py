"""Simulate whole rounds with the robot reader, which uses the same services as people.

The robot first draws the seed masks and the sealed masks by hand. In stage I it reads all picks.
The remaining images are divided evenly among the following rounds. A second robot is the engineer:
it promotes every round, whatever the gate decided. The report contains the gate's decision.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from annotation.bridge import loop
from annotation.management.sample_projects import ensure_robot_engineer, ensure_robot_reader
from annotation.models import Assignment, Project, Round, User
from annotation.selectors.reading.worklist import waiting_images, worklist_scope
from annotation.selectors.rounds.against_truth import AgainstTruth, proposals_against_truth
from annotation.selectors.rounds.records import stage_name
from annotation.services.reading.robot_reader import Tally, read_cases
from annotation.services.rounds.decisions import promote_round
from annotation.services.rounds.planning import plan_round
from mlloop.contract.plan import Plan

Purpose = Assignment.Purpose
Say = Callable[[str], None]
REASON = "Promoted by the robot engineer of a simulation, whatever the gate said."


@dataclass(frozen=True, slots=True)
class SimulatedRound:
    """One simulated round: its proposals compared with the truth, and what the robot read."""

    round: Round
    tally: Tally
    proposals: AgainstTruth
    seconds: float


@dataclass(slots=True)
class Simulation:
    """Everything that was simulated in one project."""

    project: Project
    seed_reads: Tally
    sealed_reads: Tally
    rounds: list[SimulatedRound] = field(default_factory=list)


def simulate_with_proposals(
    *, project: Project, rounds: int, seed: int, plan: Plan | None, say: Say
) -> Simulation:
    """Draw the seed and sealed masks by hand, then simulate `rounds` rounds."""
    robot = ensure_robot_reader(project)
    simulation = Simulation(
        project=project,
        seed_reads=_read_cases(project, robot, Purpose.SEED, seed),
        sealed_reads=_read_cases(project, robot, Purpose.SEALED, seed),
    )
    say(
        f"{simulation.seed_reads.n_read} seed masks and {simulation.sealed_reads.n_read} "
        "sealed masks drawn by hand."
    )
    for index in range(rounds):
        simulation.rounds.append(
            _simulate_round(
                project, robot, seed=seed, plan=plan, rounds_left=rounds - index, say=say
            )
        )
    return simulation


def simulate_by_hand(*, project: Project, seed: int, say: Say) -> Simulation:
    """Draw every mask by hand. The arm with proposals is compared with this arm."""
    robot = ensure_robot_reader(project)
    simulation = Simulation(
        project=project,
        seed_reads=_read_cases(project, robot, Purpose.SEED, seed),
        sealed_reads=_read_cases(project, robot, Purpose.SEALED, seed),
    )
    say(f"{simulation.seed_reads.n_read} masks drawn by hand in the manual arm.")
    return simulation


def _read_cases(
    project: Project, robot: User, purpose: str, seed: int, *, limit: int | None = None
) -> Tally:
    return read_cases(project=project, reader=robot, purpose=purpose, seed=seed, limit=limit)


def _simulate_round(
    project: Project, robot: User, *, seed: int, plan: Plan | None, rounds_left: int, say: Say
) -> SimulatedRound:
    """Train, propose, evaluate and promote one round, then read its images."""
    began = time.monotonic()
    engineer = ensure_robot_engineer(project)
    round = plan_round(project=project, actor=engineer, plan=plan, seed=seed)
    say(f"Round {round.number} ({stage_name(round)}): training on {round.n_train} images.")
    round = loop.run_until_decision(round, say=say)
    proposals = proposals_against_truth(round)
    promote_round(round=round, actor=engineer, reason=REASON)
    if round.stage == Round.Stage.STAGE_1:
        tally = _read_cases(project, robot, Purpose.PICK, seed)
    else:
        waiting = waiting_images(
            worklist_scope(project=project, reader=robot), Purpose.READ
        ).count()
        tally = _read_cases(project, robot, Purpose.READ, seed, limit=ceil(waiting / rounds_left))
    round.refresh_from_db()
    say(f"Round {round.number}: {tally.n_read} read, {tally.verdicts}.")
    return SimulatedRound(round, tally, proposals, time.monotonic() - began)
