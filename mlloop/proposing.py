"""Proposals of a round: one map per network and image, their mean, and where they disagree.

A patient who was trained on gets the one fold that left it out, everyone else the mean of all
folds. Works network by network in fixed chunks, so that a resumed run feeds the same batches and
repeats the same bits; an image is finished when its proposals.json exists, and is then skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from mlloop.dataset import CaseReader
from mlloop.devices import Device
from mlloop.errors import Stopped
from mlloop.events import Emit, Progress
from mlloop.manifest import Case, EvaluateManifest, NetworkPlan, ProposeManifest
from mlloop.masks import ByteArray, decode_probability, encode_probability, quantise
from mlloop.networks import SegmentationNetwork, load_member, predict
from mlloop.records import write_bytes, write_json

Kind = Literal["out_of_fold", "mean", "ensemble"]
Stop = Callable[[], bool]
CHUNK = 16


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """One line of proposals.json. `members` are the networks and folds whose maps were averaged."""

    network: str
    kind: Kind
    members: tuple[tuple[str, int], ...]
    file: str
    p8_sha256: str


def folds_for(case: Case, manifest: ProposeManifest | EvaluateManifest) -> tuple[int, ...]:
    """Return the folds that may propose on a case: all, or the one that left its patient out."""
    if isinstance(manifest, ProposeManifest) and case.patient in manifest.trained_patients:
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
    writer = MapWriter(manifest, out, device)
    writer.write(emit=emit, stop=stop)
    for case in manifest.cases:
        if not is_finished(case, out):
            _finish(case, manifest, writer.read(case), out)
    emit("done", images=len(manifest.cases))


@dataclass(slots=True)
class MapWriter:
    """Writes `<image>/<network>.<kind>.png` for every case and network that lacks it."""

    manifest: ProposeManifest | EvaluateManifest
    out: Path
    device: Device
    reader: CaseReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = CaseReader(grid=self.manifest.plan.grid)

    def write(self, *, emit: Emit, stop: Stop) -> None:
        """Write all missing maps, one network in memory at a time."""
        cases, networks = self.manifest.cases, self.manifest.plan.networks
        progress = Progress(emit, total=len(cases) * len(networks))
        for network in networks:
            folds: dict[int, SegmentationNetwork] = {}
            for start in range(0, len(cases), CHUNK):
                if stop():
                    raise Stopped
                chunk = cases[start : start + CHUNK]
                missing = [case for case in chunk if not self._has_map(case, network)]
                if missing:
                    folds = folds or self._load_folds(network)
                    maps = self._predict(folds, chunk)
                    for case in missing:
                        p8 = encode_probability(mean_p8(maps[case.image]))
                        write_bytes(self._path(case, network), p8)
                progress.add(len(chunk))

    def read(self, case: Case) -> list[ByteArray]:
        """Read the maps of one case back, in the plan's order of networks."""
        paths = [self._path(case, network) for network in self.manifest.plan.networks]
        return [decode_probability(path.read_bytes()) for path in paths]

    def _path(self, case: Case, network: NetworkPlan) -> Path:
        return self.out / case.image / f"{network.key}.{kind_for(case, self.manifest)}.png"

    def _has_map(self, case: Case, network: NetworkPlan) -> bool:
        return is_finished(case, self.out) or self._path(case, network).exists()

    def _load_folds(self, network: NetworkPlan) -> dict[int, SegmentationNetwork]:
        members = [m for m in self.manifest.members if m.network == network.key]
        return {m.fold: load_member(m, self.manifest.plan, self.device) for m in members}

    def _predict(
        self, folds: dict[int, SegmentationNetwork], chunk: Sequence[Case]
    ) -> dict[str, list[ByteArray]]:
        """Return one p8 map per case and fold that may propose on it, folds in order.

        The whole chunk goes in, even where some maps exist: a batch of another size may round
        differently.
        """
        maps: dict[str, list[ByteArray]] = {case.image: [] for case in chunk}
        for fold in sorted(folds):
            cases = [case for case in chunk if fold in folds_for(case, self.manifest)]
            if cases:
                images = torch.from_numpy(np.stack([self.reader.image(c) for c in cases])[:, None])
                found = predict(folds[fold], images, self.manifest.plan, self.device).numpy()
                for case, probability in zip(cases, found, strict=True):
                    maps[case.image].append(quantise(probability))
        return maps


def kind_for(case: Case, manifest: ProposeManifest | EvaluateManifest) -> Kind:
    """Name what a network's map of a case is made of."""
    return "mean" if len(folds_for(case, manifest)) == manifest.k else "out_of_fold"


def is_finished(case: Case, out: Path) -> bool:
    """Tell whether all proposals of a case are written."""
    return (out / case.image / "proposals.json").exists()


def _finish(case: Case, manifest: ProposeManifest, maps: Sequence[ByteArray], out: Path) -> None:
    """Write the ensemble and the disagreement, then the record that marks the image as finished."""
    folds, kind = folds_for(case, manifest), kind_for(case, manifest)
    records = [
        _record(network.key, kind, [(network.key, fold) for fold in folds], p8)
        for network, p8 in zip(manifest.plan.networks, maps, strict=True)
    ]
    everyone = [member for record in records for member in record.members]
    ensemble, disagreement = mean_p8(maps), disagreement_p8(maps)
    records.append(_record("ensemble", "ensemble", everyone, ensemble))
    folder = out / case.image
    write_bytes(folder / "ensemble.ensemble.png", encode_probability(ensemble))
    write_bytes(folder / "disagreement.png", encode_probability(disagreement))
    summary = {
        "schema": 1,
        "image": case.image,
        "patient": case.patient,
        "plan_sha256": manifest.plan.sha256,
        "mean_disagreement": float(disagreement.mean()) / 255,
        "proposals": records,
    }
    write_json(folder / "proposals.json", summary)


def _record(
    network: str, kind: Kind, members: Sequence[tuple[str, int]], p8: ByteArray
) -> ProposalRecord:
    sha256 = hashlib.sha256(p8.tobytes()).hexdigest()
    return ProposalRecord(network, kind, tuple(members), f"{network}.{kind}.png", sha256)
