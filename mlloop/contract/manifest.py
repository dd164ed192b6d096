"""The manifests that the web side hands to a child process, one type for each verb.

Owns their fields, their JSON and their checks. Refuses a manifest with a wrong field and says which
field and why. It opens no file that a manifest names and imports no torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mlloop.contract.architectures import LabelKey
from mlloop.contract.calibration import Calibration
from mlloop.contract.checks import NAME, require
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.records import FieldError, digest, from_plain, read_json, write_json
from mlloop.contract.splits import Group

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ManifestError(FieldError):
    """A manifest is wrong; the error says which field, and why."""


@dataclass(frozen=True, slots=True)
class Case:
    """One image of a round. `patient` is a hash, `fold` the patient's fold in this round."""

    image: str
    patient: str
    group: Group
    fold: int
    image_path: str
    mask_path: str | None
    height: int
    width: int
    spacing_mm: float | None = None  # the width of a pixel, None if unknown

    def __post_init__(self) -> None:
        is_name = bool(NAME.fullmatch(self.image))
        require(is_name, "image", "use letters, digits, - and _ only.", ManifestError)
        require(bool(self.patient), "patient", "a patient hash is needed.", ManifestError)
        require(self.fold >= 0, "fold", "it must be 0 or more.", ManifestError)
        require(bool(self.image_path), "image_path", "a path is needed.", ManifestError)
        has_size = self.height >= 1 and self.width >= 1
        require(has_size, "height", "height and width must be at least 1.", ManifestError)
        has_width = self.spacing_mm is None or self.spacing_mm > 0
        require(has_width, "spacing_mm", "it must be above 0.", ManifestError)


@dataclass(frozen=True, slots=True)
class MemberRef:
    """A trained ensemble member on disk."""

    network: str
    fold: int
    weights_path: str
    card_path: str
    weights_sha256: str

    def __post_init__(self) -> None:
        is_hash = bool(_SHA256.fullmatch(self.weights_sha256))
        require(is_hash, "weights_sha256", "64 hexadecimal digits are needed.", ManifestError)


@dataclass(frozen=True, slots=True)
class Parent:
    """The member whose weights a warm start begins with.

    `patients` are all patients that this member and its own parents saw. `taught` are the patients
    that any of these members learned from. The other patients only helped to choose an epoch.
    """

    weights_path: str
    weights_sha256: str
    patients: tuple[str, ...]
    taught: tuple[str, ...]

    def __post_init__(self) -> None:
        is_hash = bool(_SHA256.fullmatch(self.weights_sha256))
        require(is_hash, "weights_sha256", "64 hexadecimal digits are needed.", ManifestError)


def _check_cases(cases: tuple[Case, ...], k: int) -> None:
    images = [case.image for case in cases]
    require(len(set(images)) == len(images), "cases", "an image is listed twice.", ManifestError)
    for i, case in enumerate(cases):
        is_fold = case.fold < k
        require(is_fold, f"cases[{i}].fold", f"folds go from 0 to {k - 1}.", ManifestError)


def _check_members(members: tuple[MemberRef, ...], plan: Plan, k: int) -> None:
    """Require every fold of every network, because a mean over fewer folds has other values."""
    given = sorted((member.network, member.fold) for member in members)
    needed = sorted((network.key, fold) for network in plan.networks for fold in range(k))
    is_complete = given == needed
    require(
        is_complete,
        "members",
        f"one member per network and fold is needed, for {k} folds.",
        ManifestError,
    )


@dataclass(frozen=True, slots=True)
class TrainManifest:
    """Train one network without one fold, from `parent` or from random weights.

    Every patient in `cases` counts as seen, and so does every patient that the parent saw. Without
    `download_sha256`, the network's initial weights are not downloaded.
    """

    round: int
    plan: Plan
    network: NetworkPlan
    fold: int
    k: int
    cases: tuple[Case, ...]
    parent: Parent | None = None
    download_sha256: str | None = None  # of the ImageNet weights that the operator allows

    def __post_init__(self) -> None:
        is_planned = self.network in self.plan.networks
        require(is_planned, "network", "the plan has no such network.", ManifestError)
        require(self.k >= 2, "k", "at least 2 folds are needed.", ManifestError)
        require(
            0 <= self.fold < self.k, "fold", f"it must be from 0 to {self.k - 1}.", ManifestError
        )
        require(bool(self.cases), "cases", "at least one case is needed.", ManifestError)
        _check_cases(self.cases, self.k)


@dataclass(frozen=True, slots=True)
class ProposeManifest:
    """Propose on images. If a label's networks were trained on a patient, its maps are out-of-fold.

    The calibration is fitted on `references`. These are images with a known mask (a `mask_path` of
    None means an empty mask), of patients that the infection networks were trained on. `scored` are
    the cases that classifiers learned from. The member that left a case's fold out gives the case a
    probability of covid.
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
        out_of_fold = {case.image for case in self.cases if case.patient in trained}
        # Out-of-fold figures and figures of a mean over folds must not be mixed.
        is_trained = set(self.references) <= out_of_fold
        require(
            is_trained, "references", "only images of trained patients are possible.", ManifestError
        )

    def patients_of(self, label: LabelKey) -> frozenset[str]:
        """Return the patients that the networks of this label were trained on."""
        return self.lung_patients if label == "lung" else self.trained_patients


@dataclass(frozen=True, slots=True)
class EvaluateManifest:
    """Evaluate on sealed images with their masks (a `mask_path` of None means an empty mask).

    `calibration` holds the values that proposing fitted. Without it, all networks have equal
    weights and the plan's threshold applies.
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
    """The size of a planned round. `n_trained` of the `n_propose` images are also trained on."""

    plan: Plan
    k: int
    n_train: int
    n_propose: int
    n_trained: int

    def __post_init__(self) -> None:
        require(self.k >= 2, "k", "at least 2 folds are needed.", ManifestError)
        for name in ("n_train", "n_propose", "n_trained"):
            require(getattr(self, name) >= 0, name, "it must be 0 or more.", ManifestError)


Manifest = TrainManifest | ProposeManifest | EvaluateManifest | EstimateManifest
M = TypeVar("M", bound=Manifest)


def write_manifest(path: Path, manifest: Manifest) -> str:
    """Write a manifest by atomic rename and return its sha256."""
    write_json(path, manifest)
    return digest(manifest)


def read_manifest(cls: type[M], path: Path) -> M:
    """Read and check a manifest of the type `cls`, or raise ManifestError."""
    try:
        return from_plain(cls, read_json(path))
    except FieldError as error:
        raise ManifestError(error.field, error.reason) from error
