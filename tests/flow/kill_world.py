"""Set up and look into an installation of its own, from outside: `kill_world.py VERB`."""
# ruff: noqa: E402 - Django is set up before its models are imported

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ["DJANGO_SETTINGS_MODULE"] = "annotation.config.settings"

import django

django.setup()

from annotation import storage
from annotation.models import Image, Project, Release, ReleaseItem, Round
from annotation.selectors.rounds.leaks import find_leaks
from annotation.services.projects import create_project
from annotation.services.releases.requesting import request_release
from annotation.services.rounds.decisions import refuse_round
from annotation.services.rounds.planning import plan_round
from mlloop.contract.presets import tiny
from tests.support.factories import make_image, make_reference
from tests.support.learning import fill_project

CONTROLS = 900


def create() -> None:
    project = create_project(slug="kill", name="Kill", actor=None, folds=2)
    fill_project(project, read=4, unread=40, controls=1, sealed=40)


def ask() -> None:
    """Ask for a release of one read image and many controls, each of a size and so a file of its
    own: freezing then lasts long enough to be killed in the middle."""
    project = create_project(slug="kill", name="Kill", actor=None, folds=2)
    make_reference(make_image(project, seed=0))
    first = make_image(project, group="normal", seed=1)
    shared = ("study", "patient", "project", "group", "bits", "window_center", "window_width")
    keys = ("pixels_key", "preview_key", "thumbnail_key")
    like = {name: getattr(first, name) for name in (*shared, *keys)}
    Image.objects.bulk_create(
        Image(**like, width=64 + n % 40, height=81 + n // 40, pixel_sha256=f"{n:064x}")
        for n in range(CONTROLS - 1)
    )
    request_release(project=project, version="1.0.0", actor=None)


def watch() -> None:
    """Say as soon as the first files of the release are its items, and when its making ended."""
    ended = Release.objects.filter(state__in=(Release.State.FROZEN, Release.State.FAILED))
    for word, rows in (("listed", ReleaseItem.objects.all()), ("ended", ended)):
        while not rows.exists():
            time.sleep(0.002 if word == "listed" else 0.1)
        sys.stdout.write(f"{word}\n")
        sys.stdout.flush()


def release_facts() -> None:
    release = Release.objects.get()
    found = {name: getattr(release, name) for name in ("state", "failure", "attempts", "done")}
    sys.stdout.write(json.dumps({**found, "items": release.items.count()}))


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
    key = round.evaluation_key
    found = {
        "state": round.state,
        "failure": round.failure,
        "attempts": sum(round.members.values_list("attempts", flat=True)) + round.attempts,
        "weights": list(round.members.values_list("network", "fold", "weights_sha256")),
        "history": list(round.members.values_list("history", flat=True)),
        "proposals": [
            [str(row[0]), *row[1:]] for row in proposals.values_list("image_id", *fields)
        ],
        "metrics": replace(round.figures, seconds=None).to_json(),
        "sealed": json.loads(storage.read(key))["cases"] if key else [],
        "looks": round.project.sealed_looks,
        "leaks": len(find_leaks(round)),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    verbs = (create, plan, facts, ask, watch, release_facts)
    {verb.__name__: verb for verb in verbs}[sys.argv[1]]()
