"""Set up and look into an installation of its own, from outside: `kill_world.py VERB`."""
# ruff: noqa: E402 - Django is set up before its models are imported

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ["DJANGO_SETTINGS_MODULE"] = "annotation.config.settings"

import django

django.setup()

from annotation import loop
from annotation.models import EnsembleMember, Project, Round
from annotation.selectors.leaks import find_leaks
from annotation.services.decisions import refuse_round
from annotation.services.projects import create_project
from annotation.services.round_results import claim_member
from annotation.services.rounds import plan_round
from mlloop.presets import tiny
from tests.annotation.learning import fill_project


def create() -> None:
    project = create_project(slug="kill", name="Kill", actor=None, folds=2)
    fill_project(project, read=4, unread=40, controls=1, sealed=2)


def plan() -> None:
    project = Project.objects.get(slug="kill")
    if former := project.rounds.filter(state=Round.State.AWAITING_DECISION).first():
        refuse_round(round=former, actor=None, reason="the next run is compared with it")
    two = tiny()
    small = replace(two, networks=two.networks[:1], folds=2, steps=24, epochs=12, batch_size=4)
    plan_round(project=project, actor=None, plan=small)


def facts() -> None:
    round = Round.objects.order_by("-number").first()
    proposals = round.proposals.order_by("image_id", "network", "kind")
    fields = ("network", "kind", "members", "probability_key", "disagreement", "threshold")
    found = {
        "state": round.state,
        "failure": round.failure,
        "attempts": sum(round.members.values_list("attempts", flat=True)) + round.attempts,
        "weights": list(round.members.values_list("network", "fold", "weights_sha256")),
        "history": list(round.members.values_list("history", flat=True)),
        "proposals": [
            [str(row[0]), *row[1:]] for row in proposals.values_list("image_id", *fields)
        ],
        "metrics": {key: value for key, value in round.metrics.items() if key != "seconds"},
        "leaks": len(find_leaks(round)),
    }
    sys.stdout.write(json.dumps(found))


def claim() -> None:
    """Wait for the starting gun, then claim every member; say which were won."""
    loop.sweep()
    members = list(EnsembleMember.objects.values_list("pk", flat=True))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    won = [str(pk) for pk in members if claim_member(pk)]
    sys.stdout.write(json.dumps(won) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()  # a winner that left would be proved dead, and its row taken over


if __name__ == "__main__":
    {"create": create, "plan": plan, "facts": facts, "claim": claim}[sys.argv[1]]()
