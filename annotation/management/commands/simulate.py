"""Play rounds with the robot reader in a project whose images have a hidden truth."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management.base import CommandParser

from annotation.management.console import Outcome, Usage, Verb, named_project
from annotation.management.loop_report import manual_facts, play_facts, table
from annotation.management.simulation import play_manual, play_proposals
from annotation.models import Truth
from mlloop.contract.presets import PRESETS, preset


class Command(Verb):
    help = "Play N rounds with the robot reader: it sees the truth, and uses the readers' services."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--rounds", type=int, default=3, metavar="N")
        parser.add_argument("--arm", choices=("proposals", "manual"), default="proposals")
        parser.add_argument(
            "--seed", type=int, default=0, help="of the robot's hand and the networks"
        )
        parser.add_argument(
            "--preset", choices=sorted(PRESETS), help="the project's own by default"
        )

    def run(self, options: Mapping[str, object]) -> Outcome:
        project = named_project(options["project"])
        rounds, seed = int(str(options["rounds"])), int(str(options["seed"]))
        if rounds < 1:
            raise Usage("--rounds must be at least 1.")
        if not Truth.objects.filter(image__project=project).exists():
            raise Usage(
                f"{project.slug} has no truth to simulate with: "
                "import its masks with --masks-as truth."
            )
        if options["arm"] == "manual":
            facts = manual_facts(play_manual(project=project, seed=seed, say=self.say))
            return Outcome(facts, [f"{name}: {value}" for name, value in facts.items()])
        plan = preset(str(options["preset"])) if options["preset"] else None
        played = play_proposals(project=project, rounds=rounds, seed=seed, plan=plan, say=self.say)
        facts = play_facts(played)
        return Outcome(facts, table(facts))
