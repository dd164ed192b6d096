"""Writes the probability maps of networks on cases: one file for each case and network.

A patient that a network was trained on gets the map of the fold that left the patient out. Any
other patient gets the mean of all folds. Works network by network in fixed chunks, so that a
resumed run uses the same batches and gets the same bits. A chunk is divided only if memory runs
out; the last digits may then differ.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from torch import nn

from mlloop.contract.architectures import LabelKey
from mlloop.contract.calibration import mean_p8
from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.events import Progress
from mlloop.contract.manifest import Case, EvaluateManifest, ProposeManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.proposals import is_proposed
from mlloop.contract.records import write_bytes
from mlloop.networks.devices import Device
from mlloop.pixels.arrays import ByteArray, FloatArray
from mlloop.pixels.masks import decode_probability, encode_probability
from mlloop.pixels.raster import quantise
from mlloop.training.case_reader import CaseReader
from mlloop.training.memory import Chunker
from mlloop.training.tasks import load_member, task_of

Kind = Literal["out_of_fold", "mean", "ensemble"]
CHUNK = 16
WRITERS = 2  # threads; more of them would take the interpreter lock from the networks
T = TypeVar("T")


def folds_for(
    case: Case, manifest: ProposeManifest | EvaluateManifest, label: LabelKey = "infection"
) -> tuple[int, ...]:
    """Return the folds that may propose on a case: all, or only the one without its patient."""
    if isinstance(manifest, ProposeManifest) and case.patient in manifest.patients_of(label):
        return (case.fold,)
    return tuple(range(manifest.k))


def kind_for(
    case: Case, manifest: ProposeManifest | EvaluateManifest, label: LabelKey = "infection"
) -> Kind:
    """Return the kind of map that a network makes for a case: out-of-fold, or a mean of folds."""
    return "mean" if len(folds_for(case, manifest, label)) == manifest.k else "out_of_fold"


def is_finished(case: Case, out: Path) -> bool:
    """Say whether all proposals of a case are written, in the present version of the record."""
    return is_proposed(out / case.image)


@dataclass(slots=True)
class MapWriter:
    """Writes `<image>/<network>.<kind>.png` for every case and network, if it is missing."""

    manifest: ProposeManifest | EvaluateManifest
    out: Path
    device: Device
    networks: tuple[NetworkPlan, ...]
    reader: CaseReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = CaseReader(grid=self.manifest.plan.grid)

    def write(
        self, networks: Sequence[NetworkPlan], *, progress: Progress, stop: Stop
    ) -> Iterator[Sequence[Case]]:
        """Write the missing maps of `networks`; yield each chunk of cases when it is complete.

        While the networks work on a chunk, threads read the films of the next chunk and write the
        maps of the previous one. The networks leave the interpreter lock free.
        """
        cases = self.manifest.cases
        chunks = [cases[start : start + CHUNK] for start in range(0, len(cases), CHUNK)]
        if not networks:
            yield from chunks
        jobs = [(network, chunk) for network in networks for chunk in chunks]
        chunker = Chunker(self.device, progress.emit)
        for work, saving in _begin_one_ahead(self._predicted(jobs, chunker, stop)):
            wait_for(saving)
            progress.add(len(work.chunk))
            if work.network == networks[-1]:
                yield work.chunk

    def read(self, case: Case, label: LabelKey = "infection") -> list[ByteArray]:
        """Read one label's maps of a case back, in the plan's order of networks."""
        paths = [self._path(case, network) for network in self.networks if network.label == label]
        return [decode_probability(path.read_bytes()) for path in paths]

    def _path(self, case: Case, network: NetworkPlan) -> Path:
        return (
            self.out
            / case.image
            / f"{network.key}.{kind_for(case, self.manifest, network.label)}.png"
        )

    def _has_map(self, case: Case, network: NetworkPlan) -> bool:
        return is_finished(case, self.out) or self._path(case, network).exists()

    def _load_folds(self, network: NetworkPlan) -> dict[int, nn.Module]:
        members = [m for m in self.manifest.members if m.network == network.key]
        return {m.fold: load_member(m, self.manifest.plan, self.device) for m in members}

    def _prepare(self, readers: Executor, network: NetworkPlan, chunk: Sequence[Case]) -> _Work:
        """Begin to read a chunk's images, unless every map exists.

        The whole chunk is read even if some maps exist, because a batch of another size may round
        differently.
        """
        missing = [case for case in chunk if not self._has_map(case, network)]
        wanted = chunk if missing else []
        images = [readers.submit(self.reader.read_image, case) for case in wanted]
        return _Work(network, chunk, missing, images)

    def _predicted(
        self, jobs: Sequence[tuple[NetworkPlan, Sequence[Case]]], chunker: Chunker, stop: Stop
    ) -> Iterator[tuple[_Work, list[Future[None]]]]:
        """Yield each job while its maps are being written. Only one network is in memory."""
        loaded, folds = "", dict[int, nn.Module]()
        n_readers = self.device.reading_threads
        with ThreadPoolExecutor(n_readers) as readers, ThreadPoolExecutor(WRITERS) as writers:
            for work in _begin_one_ahead(self._prepare(readers, *job) for job in jobs):
                if stop():
                    raise Stopped
                if work.missing and loaded != work.network.key:
                    folds.clear()
                    loaded, folds = work.network.key, self._load_folds(work.network)
                maps = self._predict(folds, work, chunker) if work.missing else {}
                yield (
                    work,
                    [
                        writers.submit(self._save, case, work.network, maps[case.image])
                        for case in work.missing
                    ],
                )

    def _predict(
        self, folds: dict[int, nn.Module], work: _Work, chunker: Chunker
    ) -> dict[str, list[FloatArray]]:
        """Return each image's maps, one for each fold that may propose on it, in order of folds."""
        maps: dict[str, list[FloatArray]] = {case.image: [] for case in work.chunk}
        images = [image.result() for image in work.images]
        for fold in sorted(folds):
            chosen = [
                (case, image)
                for case, image in zip(work.chunk, images, strict=True)
                if fold in folds_for(case, self.manifest, work.network.label)
            ]
            if chosen:
                forward = functools.partial(self._maps, work.network, folds[fold])
                batch = np.stack([image for _, image in chosen])
                probabilities = chunker.map_images(forward, batch)
                for (case, _), probability in zip(chosen, probabilities, strict=True):
                    maps[case.image].append(probability)
        return maps

    def _maps(self, plan: NetworkPlan, network: nn.Module, images: FloatArray) -> FloatArray:
        """Return the maps `(N, grid, grid)` that a network makes of images."""
        return task_of(plan).predict_maps(network, images, self.manifest.plan, self.device)

    def _save(self, case: Case, network: NetworkPlan, maps: Sequence[FloatArray]) -> None:
        p8 = mean_p8([quantise(probability) for probability in maps])
        write_bytes(self._path(case, network), encode_probability(p8))


@dataclass(frozen=True, slots=True)
class _Work:
    """One network and one chunk. `images` are those of the chunk, or empty if no map is missing."""

    network: NetworkPlan
    chunk: Sequence[Case]
    missing: Sequence[Case]
    images: Sequence[Future[FloatArray]]


def wait_for(futures: Iterable[Future[None]]) -> None:
    """Wait for all threads. Raises the error of a thread."""
    for future in futures:
        future.result()


def _begin_one_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield each item after the next item has been taken from `items`, which begins its work."""
    before = next(items, None)
    for after in items:
        if before is not None:
            yield before
        before = after
    if before is not None:
        yield before
