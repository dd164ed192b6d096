"""Proposals of a round: one map per network and image, their mean, and where they disagree.

A patient who was trained on gets the one fold that left it out, everyone else the mean of all
folds. Works network by network in fixed chunks, so that a resumed run feeds the same batches and
repeats the same bits; an image is finished when its proposals.json exists, and is then skipped.
Each label has its own ensemble; disagreement is that of the infection networks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch

from mlloop.dataset import CaseReader, FloatArray
from mlloop.devices import Device
from mlloop.errors import Stopped
from mlloop.events import Emit, Progress
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
from mlloop.records import write_bytes, write_json
from mlloop.severity import Findings, findings

Kind = Literal["out_of_fold", "mean", "ensemble"]
Stop = Callable[[], bool]
CHUNK = 16
MEASURED = 512  # pixels: finer masks move no share by more than 0.002 (49 real films)
WRITERS = 4  # each waits for the disk: four flushes at once cost little more than one
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """One line of proposals.json. `members` are the networks and folds whose maps were averaged."""

    network: str
    kind: Kind
    members: tuple[tuple[str, int], ...]
    file: str
    p8_sha256: str
    label: LabelKey = "infection"


def folds_for(
    case: Case, manifest: ProposeManifest | EvaluateManifest, label: LabelKey = "infection"
) -> tuple[int, ...]:
    """Return the folds that may propose on a case: all, or the one that left its patient out."""
    if isinstance(manifest, ProposeManifest) and case.patient in manifest.patients_of(label):
        return (case.fold,)
    return tuple(range(manifest.k))


def mean_p8(maps: Sequence[ByteArray]) -> ByteArray:
    """Return the mean of p8 maps `(h, w)`, halves rounded up, in whole numbers only."""
    total = np.stack(maps).astype(np.int64).sum(axis=0)
    mean: ByteArray = np.floor_divide(2 * total + len(maps), 2 * len(maps)).astype(np.uint8)
    return mean


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
    unfinished = [case for case in manifest.cases if not is_finished(case, out)]
    with ThreadPoolExecutor(WRITERS) as writers:
        for start in range(0, len(unfinished), CHUNK):
            chunk = unfinished[start : start + CHUNK]
            _wait_for([writers.submit(_finish, case, manifest, writer, out) for case in chunk])
    emit("done", images=len(manifest.cases))


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


def _finish(case: Case, manifest: ProposeManifest, writer: MapWriter, out: Path) -> None:
    """Write the ensembles and the disagreement, then the record that marks the image as done."""
    folder = out / case.image
    maps = writer.read(case)
    disagreement = disagreement_p8(maps)
    write_bytes(folder / "disagreement.png", encode_probability(disagreement))
    records, infection = _label_records(case, manifest, "infection", maps, folder)
    lung = None
    if lung_maps := writer.read(case, "lung"):
        lung_records, lung = _label_records(case, manifest, "lung", lung_maps, folder)
        records += lung_records
    summary = {
        "schema": 1,
        "image": case.image,
        "patient": case.patient,
        "plan_sha256": manifest.plan.sha256,
        "mean_disagreement": float(disagreement.mean()) / 255,
        "findings": proposal_findings(case, manifest.plan, infection, lung).as_json(),
        "proposals": records,
    }
    write_json(folder / "proposals.json", summary)


def proposal_findings(
    case: Case, plan: Plan, infection: ByteArray, lung: ByteArray | None
) -> Findings:
    """Measure the ensembles' masks at the plan's threshold, at most `MEASURED` pixels wide."""
    scale = max(1.0, max(case.height, case.width) / MEASURED)
    shape = (max(1, round(case.height / scale)), max(1, round(case.width / scale)))
    spacing = None if case.spacing_mm is None else case.spacing_mm * scale
    return findings(
        threshold_mask(infection, shape=shape, t8=plan.threshold),
        None if lung is None else threshold_mask(lung, shape=shape, t8=plan.threshold),
        cutoffs=plan.severity_cutoffs,
        smallest_share=plan.smallest_lesion,
        spacing_mm=spacing,
        pixels_each=case.height * case.width / (shape[0] * shape[1]),
    )


def _label_records(
    case: Case, manifest: ProposeManifest, label: LabelKey, maps: list[ByteArray], folder: Path
) -> tuple[list[ProposalRecord], ByteArray]:
    """Write one label's ensemble; return the records of its networks and of it, and its map."""
    folds, kind = folds_for(case, manifest, label), kind_for(case, manifest, label)
    networks = manifest.plan.networks_of(label)
    records = [
        _record(label, network.key, kind, [(network.key, fold) for fold in folds], p8)
        for network, p8 in zip(networks, maps, strict=True)
    ]
    everyone = [member for record in records for member in record.members]
    ensemble = mean_p8(maps)
    records.append(_record(label, "ensemble", "ensemble", everyone, ensemble))
    write_bytes(folder / records[-1].file, encode_probability(ensemble))
    return records, ensemble


def _record(
    label: LabelKey, network: str, kind: Kind, members: Sequence[tuple[str, int]], p8: ByteArray
) -> ProposalRecord:
    sha256 = hashlib.sha256(p8.tobytes()).hexdigest()
    stem = "lung" if label == "lung" and kind == "ensemble" else network
    file = f"{stem}.{kind}.png"
    return ProposalRecord(network, kind, tuple(members), file, sha256, label)
