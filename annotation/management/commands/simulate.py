"""Simulate rounds with the robot reader in a project whose images have a hidden truth."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management.base import CommandParser

from annotation.management.console import ConsoleCommand, Outcome, UsageError, named_project
from annotation.management.loop_report import manual_arm_facts, proposals_arm_facts
from annotation.management.loop_table import table_lines
from annotation.management.simulation import simulate_by_hand, simulate_with_proposals
from annotation.models import Truth
from mlloop.contract.presets import PRESETS, preset


class Command(ConsoleCommand):
    help = (
        "Simulate N rounds. The robot reader sees the truth and uses the same services as people."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--rounds", type=int, default=3, metavar="N")
        parser.add_argument("--arm", choices=("proposals", "manual"), default="proposals")
        parser.add_argument(
            "--seed", type=int, default=0, help="random seed of the robot and the networks"
        )
        parser.add_argument(
            "--preset", choices=sorted(PRESETS), help="default: the project's preset"
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        project = named_project(options["project"])
        rounds, seed = int(str(options["rounds"])), int(str(options["seed"]))
        if rounds < 1:
            raise UsageError("--rounds must be at least 1.")
        if not Truth.objects.filter(image__project=project).exists():
            raise UsageError(
                f"{project.slug} has no truth to simulate with: "
                "import its masks with --masks-as truth."
            )
        if options["arm"] == "manual":
            facts = manual_arm_facts(simulate_by_hand(project=project, seed=seed, say=self.say))
            return Outcome(facts, [f"{name}: {value}" for name, value in facts.items()])
        plan = preset(str(options["preset"])) if options["preset"] else None
        simulation = simulate_with_proposals(
            project=project, rounds=rounds, seed=seed, plan=plan, say=self.say
        )
        facts = proposals_arm_facts(simulation)
        return Outcome(facts, table_lines(facts))
