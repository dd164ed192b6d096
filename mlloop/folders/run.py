"""A run on plain folders: the record in its output folder, and the training of its members.

A run can be resumed: a member with a card is finished and skipped. Refuses to resume a folder if
its run was started with other data or another plan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlloop.contract.architectures import LabelKey
from mlloop.contract.errors import LearningError, Stop
from mlloop.contract.events import Emit
from mlloop.contract.manifest import Case, MemberRef, TrainManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.records import FieldError, from_plain, read_json, write_json
from mlloop.folders.cases import FolderCase, Placement
from mlloop.networks.devices import Device
from mlloop.training.finished_member import Card
from mlloop.training.member import train_member

ROUND = 0  # a server numbers its rounds from 1


@dataclass(frozen=True, slots=True)
class PlacedCase:
    """One image of a run, and the hashes of its files ("" without a mask) and of its pixels."""

    image: str
    patient: str
    group: str
    source: str
    fold: int
    image_sha256: str
    mask_sha256: str
    lung_sha256: str = ""
    # Not compared: image_sha256 covers the pixels, and older runs have no hash of their pixels.
    pixel_sha256: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The run.json of an output folder: the plan, and the patient and fold of each image."""

    plan: Plan
    k: int
    cases: tuple[PlacedCase, ...]
    schema: int = 1

    def place_cases(self, cases: Sequence[FolderCase]) -> tuple[Case, ...]:
        """Return the cases with the patient and fold that they have in this run.

        The same file or the same pixels mean the same patient, even if the metadata names another.
        """
        by_file = {known.image_sha256: known.patient for known in self.cases}
        by_pixels = {known.pixel_sha256: known.patient for known in self.cases}
        folds = {known.patient: known.fold for known in self.cases}
        placed = []
        for film in cases:
            by_hash = by_file.get(film.image_sha256, film.case.patient)
            patient = by_pixels.get(film.pixel_sha256, by_hash)
            placed.append(replace(film.case, patient=patient, fold=folds.get(patient, 0)))
        return tuple(placed)

    def trained_patients(self, label: LabelKey) -> frozenset[str]:
        """Return the patients that the networks of a label were trained on."""
        known = (film for film in self.cases if label == "infection" or film.lung_sha256)
        return frozenset(film.patient for film in known)


@dataclass(frozen=True, slots=True)
class FolderRun:
    """A run and its output folder."""

    out: Path
    plan: Plan
    k: int
    cases: tuple[FolderCase, ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients of the run, sorted."""
        return tuple(sorted({film.case.patient for film in self.cases}))

    def training_manifest(self, network: NetworkPlan, fold: int) -> TrainManifest:
        """Return the manifest of one member: all cases outside `fold` with a known mask."""
        cases = [film.case for film in self.cases]
        if network.label == "lung":
            cases = list(with_lung_masks(self.cases))
        kept = tuple(case for case in cases if case.fold != fold)
        return TrainManifest(ROUND, self.plan, network, fold, self.k, kept)


def with_lung_masks(cases: Sequence[FolderCase]) -> dict[Case, FolderCase]:
    """Return the cases whose lungs are known, each with its lung mask as the mask."""
    return {
        replace(film.case, mask_path=film.lung_path): film
        for film in cases
        if film.lung_path is not None
    }


def begin_run(out: Path, plan: Plan, placement: Placement) -> FolderRun:
    """Write run.json, or check that it holds the same plan and cases. Raises LearningError."""
    record = RunRecord(plan, placement.k, tuple(_place_case(film) for film in placement.cases))
    if (out / "run.json").exists():
        _check_same(read_run(out), record, out)
    else:
        write_json(out / "run.json", record)
    return FolderRun(out, plan, placement.k, placement.cases)


def read_run(folder: Path) -> RunRecord:
    """Read the run.json of a folder, or raise LearningError."""
    if not (folder / "run.json").exists():
        raise LearningError(
            "no_run", f"{folder} holds no run. Train one first: python -m mlloop train --help."
        )
    try:
        return from_plain(RunRecord, read_json(folder / "run.json"))
    except FieldError as error:
        raise LearningError(
            "bad_run", f"The run.json in {folder} is not usable. {error}"
        ) from error


def train_members(
    run: FolderRun, *, device: Device, emit: Emit, stop: Stop
) -> tuple[MemberRef, ...]:
    """Train every network once per fold, and return the finished members."""
    for network in run.plan.networks:
        for fold in range(run.k):
            manifest = run.training_manifest(network, fold)
            folder = member_folder(run.out, network.key, fold)
            train_member(manifest, folder, device=device, emit=emit, stop=stop)
    return finished_members(run.out, run.plan, run.k)


def member_folder(out: Path, network: str, fold: int) -> Path:
    """Return the folder of one member."""
    return out / "members" / f"{network}-{fold}"


def finished_members(out: Path, plan: Plan, k: int) -> tuple[MemberRef, ...]:
    """Return every member of a run, or raise LearningError if one is not finished."""
    return tuple(
        member_ref(member_folder(out, network.key, fold), network.key, fold)
        for network in plan.networks
        for fold in range(k)
    )


def member_ref(folder: Path, network: str, fold: int) -> MemberRef:
    """Return the finished member in a folder, or raise LearningError."""
    card = read_card(folder, f"{network}, fold {fold},")
    weights, path = str(folder / "weights.safetensors"), str(folder / "card.json")
    return MemberRef(network, fold, weights, path, card.weights_sha256)


def read_card(folder: Path, name: str) -> Card:
    """Read the card of a finished member, or raise LearningError."""
    try:
        return from_plain(Card, read_json(folder / "card.json"))
    except FieldError as error:
        raise LearningError(
            "not_finished", f"{name} is not finished: run train again in this folder."
        ) from error


def _place_case(film: FolderCase) -> PlacedCase:
    case = film.case
    return PlacedCase(
        image=case.image,
        patient=case.patient,
        group=case.group,
        source=film.source,
        fold=case.fold,
        image_sha256=film.image_sha256,
        mask_sha256=film.mask_sha256,
        lung_sha256=film.lung_sha256,
        pixel_sha256=film.pixel_sha256,
    )


def _check_same(before: RunRecord, now: RunRecord, out: Path) -> None:
    if before == now:
        return
    if before.plan != now.plan:
        fields = [f.name for f in dataclasses.fields(Plan)]
        other = [f for f in fields if getattr(before.plan, f) != getattr(now.plan, f)]
        difference = f"another plan ({', '.join(other)})"
    else:
        difference = "other images, masks or folds"
    raise LearningError(
        "other_run",
        f"{out} was started with {difference}. Give the same options as before, or another --out.",
    )
