"""What the classifiers say of the films they learned from: each film by the fold that left it out.

Owns `scores.json`: the probability of covid by network and image, written once all are there.
"""

from __future__ import annotations

from pathlib import Path

from mlloop.classifier import classify, load_classifier
from mlloop.dataset import CaseReader
from mlloop.devices import Device
from mlloop.errors import Stop, Stopped
from mlloop.manifest import ProposeManifest
from mlloop.records import write_json


def write_scores(manifest: ProposeManifest, out: Path, *, device: Device, stop: Stop) -> None:
    """Score `manifest.scored` with every classifier of the plan, unless it was done before.

    Raises LearningError, or Stopped between two films.
    """
    path, plan = out / "scores.json", manifest.plan
    keys = [network.key for network in plan.networks_of("activation")]
    if not keys or path.exists():
        return
    reader = CaseReader(grid=plan.grid)
    found: dict[str, dict[str, float]] = {key: {} for key in keys}
    for member in manifest.members:
        if member.network not in found:
            continue
        classifier = load_classifier(member, plan, device)
        held_out = [case for case in manifest.scored if case.fold == member.fold]
        for case, score in classify(classifier, held_out, reader, device):
            if stop():
                raise Stopped
            found[member.network][case.image] = score
    write_json(path, {"schema": 1, "networks": found})
