"""What the web side hands to a child process: a manifest for each of its verbs.

Owns their fields, their JSON and their checks. Refuses anything half-valid with the field and the
reason. It opens no image and imports no torch; paths are checked by those who read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from mlloop.contract.calibration import Calibration
from mlloop.contract.plan import (
    NAME,
    Augment,
    Decoder,
    LabelKey,
    NetworkPlan,
    Plan,
    PlanError,
    require,
)
from mlloop.contract.records import FieldError, digest, from_plain, read_json, write_json

__all__ = [
    "PROPOSALS_SCHEMA",
    "Augment",
    "Case",
    "Decoder",
    "EstimateManifest",
    "EvaluateManifest",
    "Group",
    "LabelKey",
    "Manifest",
    "ManifestError",
    "MemberRef",
    "NetworkPlan",
    "Parent",
    "Plan",
    "PlanError",
    "ProposeManifest",
    "TrainManifest",
    "is_proposed",
    "read_estimate",
    "read_evaluate",
    "read_propose",
    "read_train",
    "write_manifest",
]

Group = Literal["covid", "normal", "other"]
M = TypeVar("M")
PROPOSALS_SCHEMA = 2  # of proposals.json; 1 had neither thresholds nor labels
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ManifestError(FieldError):
    """A manifest is wrong: which field, and why."""


@dataclass(frozen=True, slots=True)
class Case:
    """One image as the learning side knows it; `patient` is a hash, `fold` the round's fold."""

    image: str
    patient: str
    group: Group
    fold: int
    image_path: str
    mask_path: str | None
    height: int
    width: int
    spacing_mm: float | None = None  # the width of a pixel, where the image says it

    def __post_init__(self) -> None:
        named = bool(NAME.fullmatch(self.image))
        require(named, "image", "letters, digits, - and _ only.", ManifestError)
        require(bool(self.patient), "patient", "a patient hash is needed.", ManifestError)
        require(self.fold >= 0, "fold", "it may not be negative.", ManifestError)
        require(bool(self.image_path), "image_path", "a path is needed.", ManifestError)
        sized = self.height >= 1 and self.width >= 1
        require(sized, "height", "height and width are at least 1.", ManifestError)
        spaced = self.spacing_mm is None or self.spacing_mm > 0
        require(spaced, "spacing_mm", "it must be above 0.", ManifestError)


@dataclass(frozen=True, slots=True)
class MemberRef:
    """A trained ensemble member on disk."""

    network: str
    fold: int
    weights_path: str
    card_path: str
    weights_sha256: str

    def __post_init__(self) -> None:
        right = bool(_SHA256.fullmatch(self.weights_sha256))
        require(right, "weights_sha256", "64 hexadecimal digits are needed.", ManifestError)


@dataclass(frozen=True, slots=True)
class Parent:
    """The member a warm start goes on from; `patients` are all that it and its parents saw.

    `taught` are those of them that any of these learned from; the others were only ever set aside
    to choose an epoch on.
    """

    weights_path: str
    weights_sha256: str
    patients: tuple[str, ...]
    taught: tuple[str, ...]

    def __post_init__(self) -> None:
        right = bool(_SHA256.fullmatch(self.weights_sha256))
        require(right, "weights_sha256", "64 hexadecimal digits are needed.", ManifestError)


def _check_cases(cases: tuple[Case, ...], k: int) -> None:
    images = [case.image for case in cases]
    require(len(set(images)) == len(images), "cases", "an image is listed twice.", ManifestError)
    for i, case in enumerate(cases):
        below = case.fold < k
        require(below, f"cases[{i}].fold", f"folds go from 0 to {k - 1}.", ManifestError)


def _check_members(members: tuple[MemberRef, ...], plan: Plan, k: int) -> None:
    """Require every fold of every network: a mean over fewer is another estimate."""
    found = sorted((member.network, member.fold) for member in members)
    wanted = sorted((network.key, fold) for network in plan.networks for fold in range(k))
    complete = found == wanted
    require(complete, "members", f"one member per network and fold, {k} folds.", ManifestError)


@dataclass(frozen=True, slots=True)
class TrainManifest:
    """One network trained without one fold, from `parent` or from random weights.

    What is handed over counts as seen, and so does what the parent saw.
    """

    round: int
    plan: Plan
    network: NetworkPlan
    fold: int
    k: int
    cases: tuple[Case, ...]
    parent: Parent | None = None

    def __post_init__(self) -> None:
        known = self.network in self.plan.networks
        require(known, "network", "it is not in the plan.", ManifestError)
        require(self.k >= 2, "k", "at least 2 folds are needed.", ManifestError)
        require(0 <= self.fold < self.k, "fold", f"0 to {self.k - 1}.", ManifestError)
        require(bool(self.cases), "cases", "there is nothing to train on.", ManifestError)
        _check_cases(self.cases, self.k)


@dataclass(frozen=True, slots=True)
class ProposeManifest:
    """Images to propose on. Patients that a label was trained on get its out-of-fold maps only.

    `references` are the images of patients trained on infection whose mask is known (`mask_path`
    None: empty); the calibration is fitted on them. `scored` are cases that classifiers learned
    from: each is given a probability of covid by the fold that left it out.
    """

    round: int
    plan: Plan
    k: int
    members: tuple[MemberRef, ...]
    cases: tuple[Case, ...]
    trained_patients: frozenset[str]  # on infection
    lung_patients: frozenset[str] = frozenset()
    references: tuple[str, ...] = ()
    scored: tuple[Case, ...] = ()

    def __post_init__(self) -> None:
        _check_cases(self.cases, self.k)
        _check_cases(self.scored, self.k)
        _check_members(self.members, self.plan, self.k)
        trained = self.trained_patients
        unseen = {case.image for case in self.cases if case.patient in trained}
        # A mean over folds has seen nothing of the image either, but its figure is another one.
        right = set(self.references) <= unseen
        require(right, "references", "only images of trained patients.", ManifestError)

    def patients_of(self, label: LabelKey) -> frozenset[str]:
        """Return the patients that the networks of this label were trained on."""
        return self.lung_patients if label == "lung" else self.trained_patients


@dataclass(frozen=True, slots=True)
class EvaluateManifest:
    """Sealed images with their truth (`mask_path` None: empty), and what proposing fitted.

    Without a calibration the networks weigh the same and the plan's threshold holds.
    """

    round: int
    plan: Plan
    k: int
    members: tuple[MemberRef, ...]
    cases: tuple[Case, ...]
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        _check_cases(self.cases, self.k)
        _check_members(self.members, self.plan, self.k)


@dataclass(frozen=True, slots=True)
class EstimateManifest:
    """How much there would be to do; `n_trained` of the `n_propose` images have been trained on."""

    plan: Plan
    k: int
    n_train: int
    n_propose: int
    n_trained: int

    def __post_init__(self) -> None:
        require(self.k >= 2, "k", "at least 2 folds are needed.", ManifestError)
        for name in ("n_train", "n_propose", "n_trained"):
            require(getattr(self, name) >= 0, name, "it may not be negative.", ManifestError)


Manifest = TrainManifest | ProposeManifest | EvaluateManifest | EstimateManifest


def is_proposed(folder: Path) -> bool:
    """Say whether an image's proposals are complete: their record is written last.

    A record of an earlier version is none: the image is proposed on again.
    """
    try:
        record = read_json(folder / "proposals.json")
    except FieldError:
        return False
    return isinstance(record, dict) and record.get("schema") == PROPOSALS_SCHEMA


def write_manifest(path: Path, manifest: Manifest) -> str:
    """Write a manifest by atomic rename and return its sha256."""
    write_json(path, manifest)
    return digest(manifest)


def read_train(path: Path) -> TrainManifest:
    """Read and check a training manifest, or raise ManifestError."""
    return _read(TrainManifest, path)


def read_propose(path: Path) -> ProposeManifest:
    """Read and check a proposing manifest, or raise ManifestError."""
    return _read(ProposeManifest, path)


def read_evaluate(path: Path) -> EvaluateManifest:
    """Read and check an evaluation manifest, or raise ManifestError."""
    return _read(EvaluateManifest, path)


def read_estimate(path: Path) -> EstimateManifest:
    """Read and check an estimate's manifest, or raise ManifestError."""
    return _read(EstimateManifest, path)


def _read(cls: type[M], path: Path) -> M:
    try:
        return from_plain(cls, read_json(path))
    except FieldError as error:
        raise ManifestError(error.field, error.reason) from error
