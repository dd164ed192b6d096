"""Proposals of a round: one map per network and image, their mean, and where they disagree.

A patient who was trained on gets the one fold that left it out, everyone else the mean of all
folds. Works network by network in fixed chunks, so that a resumed run feeds the same batches and
repeats the same bits; then the calibration is fitted out of fold. An image is finished when its
proposals.json exists, and is then skipped. Each label has its own ensemble; calibration and
disagreement are those of the infection networks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch

from mlloop.calibration import Calibration, mean_p8
from mlloop.dataset import CaseReader, FloatArray
from mlloop.devices import Device
from mlloop.errors import Stopped
from mlloop.events import Emit, Progress
from mlloop.fitting import fit_calibration
from mlloop.manifest import Case, EvaluateManifest, NetworkPlan, Plan, ProposeManifest
from mlloop.masks import (
    ByteArray,
    decode_probability,
    encode_probability,
    quantise,
    threshold_mask,
)
from mlloop.networks import SegmentationNetwork, load_member, predict
from mlloop.plan import LabelKey
from mlloop.records import from_plain, read_json, write_bytes, write_json
from mlloop.severity import Findings, findings

Kind = Literal["out_of_fold", "mean", "ensemble"]
Stop = Callable[[], bool]
CHUNK = 16
MEASURED = 512  # pixels: finer masks move no share by more than 0.002 (49 real films)
WRITERS = 4  # each waits for the disk: four flushes at once cost little more than one
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """One line of proposals.json. `members` are the networks and folds whose maps were averaged.

    `t8` is the threshold that makes the map a mask.
    """

    network: str
    kind: Kind
    members: tuple[tuple[str, int], ...]
    file: str
    p8_sha256: str
    t8: int
    label: LabelKey = "infection"


def folds_for(
    case: Case, manifest: ProposeManifest | EvaluateManifest, label: LabelKey = "infection"
) -> tuple[int, ...]:
    """Return the folds that may propose on a case: all, or the one that left its patient out."""
    if isinstance(manifest, ProposeManifest) and case.patient in manifest.patients_of(label):
        return (case.fold,)
    return tuple(range(manifest.k))


def disagreement_p8(maps: Sequence[ByteArray]) -> ByteArray:
    """Return the standard deviation over the networks' p8 maps, in p8 units, rounded."""
    spread = np.stack(maps).astype(np.float64).std(axis=0)
    rounded: ByteArray = np.floor(spread + 0.5).astype(np.uint8)
    return rounded


def propose(
    manifest: ProposeManifest, out: Path, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Write the proposals of every case. Raises LearningError, or Stopped between two chunks."""
    emit("start", images=len(manifest.cases))
    writer = MapWriter(manifest, out, device, manifest.plan.networks)
    writer.write(emit=emit, stop=stop)
    calibration = _calibration(manifest, writer, out, stop)
    unfinished = [case for case in manifest.cases if not is_finished(case, out)]
    with ThreadPoolExecutor(WRITERS) as writers:
        for start in range(0, len(unfinished), CHUNK):
            chunk = unfinished[start : start + CHUNK]
            _wait_for(
                [
                    writers.submit(_finish, case, manifest, calibration, writer, out)
                    for case in chunk
                ]
            )
    emit("done", images=len(manifest.cases))


def _calibration(
    manifest: ProposeManifest, writer: MapWriter, out: Path, stop: Stop
) -> Calibration:
    """Return the calibration of a former run, or fit it; it is on disk before any proposal is."""
    path = out / "calibration.json"
    if path.exists():
        return from_plain(Calibration, read_json(path))
    known = set(manifest.references)
    cases = [case for case in manifest.cases if case.image in known]
    found = fit_calibration(
        manifest.plan, cases, maps=writer.read, target=writer.reader.target, stop=stop
    )
    write_json(path, found)
    return found


@dataclass(slots=True)
class MapWriter:
    """Writes `<image>/<network>.<kind>.png` for every case and network of it that lacks it."""

    manifest: ProposeManifest | EvaluateManifest
    out: Path
    device: Device
    networks: tuple[NetworkPlan, ...]
    reader: CaseReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = CaseReader(grid=self.manifest.plan.grid)

    def write(self, *, emit: Emit, stop: Stop) -> None:
        """Write all missing maps, one network in memory at a time.

        While a chunk passes through the folds, which leaves the interpreter free, threads read
        the chunk after it and write the one before it.
        """
        cases, networks = self.manifest.cases, self.networks
        progress = Progress(emit, total=len(cases) * len(networks))
        chunks = [cases[start : start + CHUNK] for start in range(0, len(cases), CHUNK)]
        jobs = [(network, chunk) for network in networks for chunk in chunks]
        loaded, folds = "", dict[int, SegmentationNetwork]()
        behind: list[Future[None]] = []
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(WRITERS) as writers:
            todo = (reader.submit(self._prepare, *job) for job in jobs)
            for ahead in _one_ahead(todo):
                if stop():
                    raise Stopped
                work = ahead.result()
                if work.missing and loaded != work.network.key:
                    folds.clear()  # one network in memory at a time
                    loaded, folds = work.network.key, self._load_folds(work.network)
                maps = self._predict(folds, work) if work.missing else {}
                _wait_for(behind)
                behind = [
                    writers.submit(self._save, case, work.network, maps[case.image])
                    for case in work.missing
                ]
                progress.add(len(work.chunk))
            _wait_for(behind)

    def read(self, case: Case, label: LabelKey = "infection") -> list[ByteArray]:
        """Read one label's maps of a case back, in the plan's order of networks."""
        paths = [self._path(case, one) for one in self.networks if one.label == label]
        return [decode_probability(path.read_bytes()) for path in paths]

    def _path(self, case: Case, network: NetworkPlan) -> Path:
        return (
            self.out
            / case.image
            / f"{network.key}.{kind_for(case, self.manifest, network.label)}.png"
        )

    def _has_map(self, case: Case, network: NetworkPlan) -> bool:
        return is_finished(case, self.out) or self._path(case, network).exists()

    def _load_folds(self, network: NetworkPlan) -> dict[int, SegmentationNetwork]:
        members = [m for m in self.manifest.members if m.network == network.key]
        return {m.fold: load_member(m, self.manifest.plan, self.device) for m in members}

    def _prepare(self, network: NetworkPlan, chunk: Sequence[Case]) -> _Work:
        """Read a chunk's images, unless every map is there.

        The whole chunk goes in, even where some maps exist: a batch of another size may round
        differently.
        """
        missing = [case for case in chunk if not self._has_map(case, network)]
        images = [self.reader.image(case) for case in chunk] if missing else []
        return _Work(network, chunk, missing, images)

    def _predict(
        self, folds: dict[int, SegmentationNetwork], work: _Work
    ) -> dict[str, list[FloatArray]]:
        """Return one map per case and fold that may propose on it, folds in order."""
        maps: dict[str, list[FloatArray]] = {case.image: [] for case in work.chunk}
        for fold in sorted(folds):
            chosen = [
                (case, image)
                for case, image in zip(work.chunk, work.images, strict=True)
                if fold in folds_for(case, self.manifest, work.network.label)
            ]
            if chosen:
                images = torch.from_numpy(np.stack([image for _, image in chosen])[:, None])
                found = predict(folds[fold], images, self.manifest.plan, self.device).numpy()
                for (case, _), probability in zip(chosen, found, strict=True):
                    maps[case.image].append(probability)
        return maps

    def _save(self, case: Case, network: NetworkPlan, maps: Sequence[FloatArray]) -> None:
        p8 = mean_p8([quantise(probability) for probability in maps])
        write_bytes(self._path(case, network), encode_probability(p8))


@dataclass(frozen=True, slots=True)
class _Work:
    """One network's chunk: all of its images go in, the maps of `missing` are written."""

    network: NetworkPlan
    chunk: Sequence[Case]
    missing: Sequence[Case]
    images: Sequence[FloatArray]


def _wait_for(futures: Iterable[Future[None]]) -> None:
    """Wait, and raise what a thread raised."""
    for future in futures:
        future.result()


def _one_ahead(things: Iterator[T]) -> Iterator[T]:
    """Yield each thing once the one after it has been begun."""
    before = next(things, None)
    for after in things:
        if before is not None:
            yield before
        before = after
    if before is not None:
        yield before


def kind_for(
    case: Case, manifest: ProposeManifest | EvaluateManifest, label: LabelKey = "infection"
) -> Kind:
    """Name what a network's map of a case is made of."""
    return "mean" if len(folds_for(case, manifest, label)) == manifest.k else "out_of_fold"


def is_finished(case: Case, out: Path) -> bool:
    """Tell whether all proposals of a case are written."""
    return (out / case.image / "proposals.json").exists()


def _finish(
    case: Case, manifest: ProposeManifest, calibration: Calibration, writer: MapWriter, out: Path
) -> None:
    """Write the ensembles and the disagreement, then the record that marks the image as done."""
    folder, plan = out / case.image, manifest.plan
    maps = writer.read(case)
    infection, disagreement = calibration.ensemble(maps), disagreement_p8(maps)
    write_bytes(folder / "ensemble.ensemble.png", encode_probability(infection))
    write_bytes(folder / "disagreement.png", encode_probability(disagreement))
    fitted = {one.network: one.t8 for one in calibration.thresholds}
    records = _label_records(case, manifest, "infection", [*maps, infection], fitted)
    lung = None
    if lung_maps := writer.read(case, "lung"):
        lung = mean_p8(lung_maps)
        write_bytes(folder / "lung.ensemble.png", encode_probability(lung))
        records += _label_records(case, manifest, "lung", [*lung_maps, lung], {})
    found = proposal_findings(case, plan, infection, lung, t8=fitted["ensemble"])
    summary = {
        "schema": 1,
        "image": case.image,
        "patient": case.patient,
        "plan_sha256": plan.sha256,
        "mean_disagreement": float(disagreement.mean()) / 255,
        "findings": found.as_json(),
        "proposals": records,
    }
    write_json(folder / "proposals.json", summary)


def proposal_findings(
    case: Case, plan: Plan, infection: ByteArray, lung: ByteArray | None, *, t8: int
) -> Findings:
    """Measure the ensembles' masks, at most `MEASURED` pixels wide; `t8` is the infection's.

    The lungs are cut at the plan's threshold.
    """
    scale = max(1.0, max(case.height, case.width) / MEASURED)
    shape = (max(1, round(case.height / scale)), max(1, round(case.width / scale)))
    spacing = None if case.spacing_mm is None else case.spacing_mm * scale
    return findings(
        threshold_mask(infection, shape=shape, t8=t8),
        None if lung is None else threshold_mask(lung, shape=shape, t8=plan.threshold),
        cutoffs=plan.severity_cutoffs,
        smallest_share=plan.smallest_lesion,
        spacing_mm=spacing,
        pixels_each=case.height * case.width / (shape[0] * shape[1]),
    )


def _label_records(
    case: Case,
    manifest: ProposeManifest,
    label: LabelKey,
    maps: Sequence[ByteArray],
    fitted: Mapping[str, int],
) -> list[ProposalRecord]:
    """Return the records of one label's maps, of which its ensemble is the last.

    What has no fitted threshold has the plan's.
    """
    folds, kind = folds_for(case, manifest, label), kind_for(case, manifest, label)
    keys = [network.key for network in manifest.plan.networks_of(label)]
    stem = "lung" if label == "lung" else "ensemble"
    named: list[tuple[str, Kind, str]] = [(key, kind, f"{key}.{kind}.png") for key in keys]
    named.append(("ensemble", "ensemble", f"{stem}.ensemble.png"))
    return [
        ProposalRecord(
            network=name,
            kind=own,
            members=tuple(
                (key, fold) for key in (keys if own == "ensemble" else [name]) for fold in folds
            ),
            file=file,
            p8_sha256=hashlib.sha256(p8.tobytes()).hexdigest(),
            t8=fitted.get(name, manifest.plan.threshold),
            label=label,
        )
        for (name, own, file), p8 in zip(named, maps, strict=True)
    ]
