"""Read the files of a child process: a member, an image's proposals, sealed counts, an estimate.

A file that does not fit the manifest is refused. This module writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

from annotation.round_figures import SealedCase
from annotation.services.rounds.proposals import ProposedImage, ProposedMask
from mlloop.contract.calibration import Calibration
from mlloop.contract.manifest import Case, ProposeManifest, TrainManifest
from mlloop.contract.plan import Plan
from mlloop.contract.records import FieldError, from_plain
from mlloop.pixels.masks import decode_probability

Plain = dict[str, object]


class BadOutput(ValueError):
    """A child failed, or a file of it is missing or wrong. The sentence says which."""


@dataclass(frozen=True, slots=True)
class TrainedMember:
    """The bytes and records of a finished member."""

    weights: bytes
    card: Plain
    history: list[object]


def read_member(folder: Path, manifest: TrainManifest) -> TrainedMember:
    """Read a finished member; raise BadOutput if its card is about another member."""
    card = _read_object(folder / "card.json")
    expected = {
        "network": manifest.network.key,
        "fold": manifest.fold,
        "k": manifest.k,
        "plan_sha256": manifest.plan.sha256,
        "parent": manifest.parent.weights_sha256 if manifest.parent else None,
        "parent_patients": list(manifest.parent.patients) if manifest.parent else [],
    }
    for name, value in expected.items():
        if card.get(name) != value:
            raise BadOutput(f"The card says {name} {card.get(name)!r}; {value!r} was asked for.")
    weights = (folder / "weights.safetensors").read_bytes()
    if hashlib.sha256(weights).hexdigest() != card.get("weights_sha256"):
        raise BadOutput("The weights on disk are not the weights that the card names.")
    history = cast("list[object]", _read_object(folder / "history.json")["epochs"])
    return TrainedMember(weights, card, history)


def read_proposed(folder: Path, case: Case) -> ProposedImage:
    """Read an image's proposals, checking each map against the hash in its record."""
    record = _read_object(folder / "proposals.json")
    return ProposedImage(
        image_id=UUID(case.image),
        masks=tuple(
            _read_mask(folder, proposal) for proposal in cast("list[Plain]", record["proposals"])
        ),
        disagreement=float(cast("float", record["mean_disagreement"])),
        disagreement_map=(folder / "disagreement.png").read_bytes(),
        findings=cast("Plain", record.get("findings", {})),
    )


def read_calibration(folder: Path, plan: Plan) -> Calibration:
    """Read the fitted calibration; raise BadOutput if it was fitted for another plan."""
    record = _read_object(folder / "calibration.json")
    try:
        calibration = from_plain(Calibration, record)
    except FieldError as error:
        raise BadOutput(f"calibration.json is not usable. {error}") from None
    if calibration.plan_sha256 != plan.sha256:
        raise BadOutput("The calibration was fitted for another plan.")
    return calibration


def read_scores(folder: Path, manifest: ProposeManifest) -> dict[str, dict[str, float]]:
    """Read each classifier's out-of-fold scores by image; raise BadOutput if a score is missing."""
    keys = {network.key for network in manifest.plan.networks_of("activation")}
    if not keys:
        return {}
    scores = cast("dict[str, dict[str, float]]", _read_object(folder / "scores.json")["networks"])
    images = {case.image for case in manifest.scored}
    if scores.keys() != keys or any(by_image.keys() != images for by_image in scores.values()):
        raise BadOutput("The scores are not about the classifiers and images handed over.")
    return scores


@dataclass(frozen=True, slots=True)
class SealedOutput:
    """The counts of each sealed image, and the reliability over all sealed images."""

    cases: list[SealedCase]
    reliability: Plain


def read_sealed(folder: Path, cases: tuple[Case, ...]) -> SealedOutput:
    """Read the sealed counts and add each film's background pixels (tn).

    Raises BadOutput if the counts are about other images.
    """
    document = _read_object(folder / "evaluation.json")
    by_image = {str(line["image"]): line for line in cast("list[Plain]", document["images"])}
    if by_image.keys() != {case.image for case in cases}:
        raise BadOutput("The evaluation is not about the images that were handed over.")
    completed = [_with_background(by_image[case.image], case) for case in cases]
    return SealedOutput(completed, cast("Plain", document["reliability"]))


def read_estimate(folder: Path, networks: tuple[str, ...]) -> Plain:
    """Read the cost of a plan; raise BadOutput if it is about other networks."""
    estimate = _read_object(folder / "estimate.json")
    timed = tuple(str(line["network"]) for line in cast("list[Plain]", estimate["networks"]))
    if timed != networks:
        raise BadOutput("The estimate is not about the networks of the plan.")
    return estimate


def _read_mask(folder: Path, record: Mapping[str, object]) -> ProposedMask:
    network, kind = str(record["network"]), str(record["kind"])
    label = str(record.get("label", "infection"))
    data = (folder / Path(str(record["file"])).name).read_bytes()
    if hashlib.sha256(decode_probability(data).tobytes()).hexdigest() != record["p8_sha256"]:
        raise BadOutput(f"The map {network}.{kind} of {folder.name} is damaged.")
    members = cast("list[tuple[str, int]]", record["members"])
    return ProposedMask(
        network=network,
        kind=kind,
        members=tuple((str(n), int(f)) for n, f in members),
        probability=data,
        threshold=int(cast("int", record["t8"])),
        label=label,
    )


def _with_background(record: Plain, case: Case) -> SealedCase:
    tp, fp, fn = (int(cast("int", record[name])) for name in ("tp", "fp", "fn"))
    return SealedCase(
        image=case.image,
        patient=case.patient,
        group=case.group,
        tp=tp,
        fp=fp,
        fn=fn,
        tn=case.height * case.width - tp - fp - fn,
        peak=int(cast("int", record["peak"])),
    )


def _read_object(path: Path) -> Plain:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadOutput(f"{path.name} cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise BadOutput(f"{path.name} does not hold a JSON object.")
    return data
