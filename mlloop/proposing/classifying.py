"""Scores the films that classifiers learned from, each with the member that left its fold out.

Owns `scores.json`: the probability of covid by network and image. It is written after each member,
so that a run can resume. Images that were withdrawn later are removed from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.events import Progress
from mlloop.contract.manifest import ProposeManifest
from mlloop.contract.records import read_json, write_json
from mlloop.networks.devices import Device
from mlloop.training.case_reader import CaseReader
from mlloop.training.tasks import load_member
from mlloop.training.tasks.classification import classify


def write_scores(
    manifest: ProposeManifest, out: Path, *, device: Device, progress: Progress, stop: Stop
) -> None:
    """Write the scores of `manifest.scored` by every classifier. Skips films with a score.

    Raises LearningError, or Stopped between two films.
    """
    path, plan = out / "scores.json", manifest.plan
    keys = [network.key for network in plan.networks_of("activation")]
    if not keys:
        return
    images = {case.image for case in manifest.scored}
    known = _read_scores(path)
    scores = {
        key: {image: score for image, score in known.get(key, {}).items() if image in images}
        for key in keys
    }
    reader = CaseReader(grid=plan.grid)
    for member in manifest.members:
        if member.network not in scores:
            continue
        network_scores = scores[member.network]
        held_out = [case for case in manifest.scored if case.fold == member.fold]
        missing = [case for case in held_out if case.image not in network_scores]
        progress.add(len(held_out) - len(missing))
        if not missing:
            continue
        classifier = load_member(member, plan, device)
        for case, score in classify(classifier, missing, reader, device, progress.emit):
            if stop():
                raise Stopped
            network_scores[case.image] = score
            progress.add(1)
        write_json(path, {"schema": 1, "networks": scores})
    if scores != known:
        write_json(path, {"schema": 1, "networks": scores})


def _read_scores(path: Path) -> dict[str, dict[str, float]]:
    if not path.exists():
        return {}
    document = cast("dict[str, dict[str, dict[str, float]]]", read_json(path))
    return document["networks"]
