"""Play whole rounds with the robot reader, through the same services as people.

Stage I picks are all read; the other images are shared out evenly over the rounds that follow.
Sealed images are read by hand at the start. The engineer `robot` promotes every round, with a
written reason; what the gate said is in the report.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from annotation.bridge import loop
from annotation.models import Assignment, Membership, Project, Round, User
from annotation.selectors.reading.worklist import waiting_images, worklist_scope
from annotation.selectors.rounds.simulated import AgainstTruth, proposals_against_truth
from annotation.services import projects
from annotation.services.reading.simulated_reader import Tally, read_cases
from annotation.services.rounds.decisions import promote_round
from annotation.services.rounds.lifecycle import plan_round
from mlloop.contract.plan import Plan

Purpose = Assignment.Purpose
Say = Callable[[str], None]
ROBOT = "robot"
REASON = "Promoted by the robot engineer of a simulation, whatever the gate said."


@dataclass(frozen=True, slots=True)
class PlayedRound:
    """One simulated round: what was learnt, proposed and read."""

    round: Round
    tally: Tally
    proposals: AgainstTruth
    seconds: float


@dataclass(slots=True)
class Play:
    """Everything a simulation did in one project."""

    project: Project
    seed_reads: Tally
    sealed_reads: Tally
    rounds: list[PlayedRound] = field(default_factory=list)


def robot_account(project: Project) -> User:
    """Return the service account `robot` (no password), reader and engineer of the project."""
    user, made = User.objects.get_or_create(username=ROBOT)
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    for role in (Membership.Role.READER, Membership.Role.ENGINEER):
        projects.add_member(project=project, user=user, role=role, actor=None)
    return user


def play_proposals(
    *, project: Project, rounds: int, seed: int, plan: Plan | None, say: Say
) -> Play:
    """Read the seed and sealed images by hand, then play `rounds` rounds."""
    robot = robot_account(project)
    played = Play(
        project=project,
        seed_reads=_read(project, robot, Purpose.SEED, seed),
        sealed_reads=_read(project, robot, Purpose.SEALED, seed),
    )
    say(
        f"{played.seed_reads.n_read} seed masks and {played.sealed_reads.n_read} sealed masks "
        "drawn by hand."
    )
    for index in range(rounds):
        played.rounds.append(
            _play_round(project, robot, seed=seed, plan=plan, left=rounds - index, say=say)
        )
    return played


def play_manual(*, project: Project, seed: int, say: Say) -> Play:
    """Draw every mask by hand: the arm that the proposals are measured against."""
    robot = robot_account(project)
    played = Play(
        project=project,
        seed_reads=_read(project, robot, Purpose.SEED, seed),
        sealed_reads=_read(project, robot, Purpose.SEALED, seed),
    )
    say(f"{played.seed_reads.n_read} masks drawn by hand in the manual arm.")
    return played


def _read(
    project: Project, robot: User, purpose: str, seed: int, *, limit: int | None = None
) -> Tally:
    return read_cases(project=project, reader=robot, purpose=purpose, seed=seed, limit=limit)


def _play_round(
    project: Project, robot: User, *, seed: int, plan: Plan | None, left: int, say: Say
) -> PlayedRound:
    """Train, propose, evaluate, promote and read one round."""
    began = time.monotonic()
    row = plan_round(project=project, actor=robot, plan=plan, seed=seed)
    say(f"Round {row.number} ({row.get_stage_display()}): training on {row.n_train} images.")
    row = loop.run_until_decision(row, say=say)
    measured = proposals_against_truth(row)
    promote_round(round=row, actor=robot, reason=REASON)
    if row.stage == Round.Stage.STAGE_1:
        tally = _read(project, robot, Purpose.PICK, seed)
    else:
        waiting = waiting_images(
            worklist_scope(project=project, reader=robot), Purpose.READ
        ).count()
        tally = _read(project, robot, Purpose.READ, seed, limit=ceil(waiting / left))
    row.refresh_from_db()
    say(f"Round {row.number}: {tally.n_read} read, {tally.verdicts}.")
    return PlayedRound(row, tally, measured, time.monotonic() - began)
