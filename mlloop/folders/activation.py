"""Writes and reads the Grad-CAM maps of the classifiers.

The member that did not see a patient makes the patient's maps. Owns the files
`activation/<encoder>/<image>.png` (p8 at the grid, scaled to 0..1 within each film) and
`scores.json` with the probability of covid, which is written last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.events import Emit, Progress
from mlloop.contract.manifest import Case
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.records import from_plain, read_json, write_bytes, write_json
from mlloop.folders.run import FolderRun, member_folder, member_ref
from mlloop.networks.devices import Device
from mlloop.networks.gradcam import activation_maps
from mlloop.pixels.arrays import ByteArray, FloatArray
from mlloop.pixels.masks import decode_probability, encode_probability
from mlloop.pixels.raster import quantise
from mlloop.training.case_reader import CaseReader
from mlloop.training.memory import Chunker
from mlloop.training.tasks import load_member

_CHUNK = 16


@dataclass(frozen=True, slots=True)
class _Scores:
    images: tuple[str, ...]
    probabilities: tuple[float, ...]


def write_activation_maps(
    run: FolderRun, network: NetworkPlan, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Write the out-of-fold map of every case. Does nothing if all exist. Raises Stopped."""
    folder = _folder(run.out, network.encoder)
    if (folder / "scores.json").exists():
        return
    reader, scores = CaseReader(grid=run.plan.grid), dict[str, float]()
    chunker = Chunker(device, emit)
    progress = Progress(emit, total=len(run.cases))
    for fold in range(run.k):
        member = member_ref(member_folder(run.out, network.key, fold), network.key, fold)
        classifier = load_member(member, run.plan, device)
        cases = [film.case for film in run.cases if film.case.fold == fold]
        for start in range(0, len(cases), _CHUNK):
            if stop():
                raise Stopped
            chunk = cases[start : start + _CHUNK]
            scores |= _write_chunk(classifier, chunk, reader, folder, chunker)
            progress.add(len(chunk))
    write_json(folder / "scores.json", _Scores(tuple(scores), tuple(scores.values())))


def read_scores(out: Path, encoder: str) -> dict[str, float]:
    """Return the out-of-fold probability of covid for each image."""
    scores = from_plain(_Scores, read_json(_folder(out, encoder) / "scores.json"))
    return dict(zip(scores.images, scores.probabilities, strict=True))


def read_map(out: Path, encoder: str, case: Case) -> ByteArray:
    """Return the Grad-CAM map of a case, p8 `(grid, grid)`."""
    return decode_probability((_folder(out, encoder) / f"{case.image}.png").read_bytes())


def _folder(out: Path, encoder: str) -> Path:
    return out / "activation" / encoder


def _write_chunk(
    network: nn.Module, cases: Sequence[Case], reader: CaseReader, folder: Path, chunker: Chunker
) -> dict[str, float]:
    def forward(images: FloatArray) -> Iterable[tuple[FloatArray, np.float32]]:
        return zip(*activation_maps(network, images, chunker.device), strict=True)

    images = np.stack([reader.read_image(case) for case in cases])
    scores = dict[str, float]()
    results = chunker.map_images(forward, images)
    for case, (activation, probability) in zip(cases, results, strict=True):
        write_bytes(folder / f"{case.image}.png", encode_probability(quantise(activation)))
        scores[case.image] = float(probability)
    return scores
