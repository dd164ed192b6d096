"""Writes the proposals of a round: the networks' maps, their ensembles and their disagreement.

The calibration is fitted on out-of-fold maps, after all maps of the infection networks are written.
An image with a proposals.json is finished and skipped. Each label has its own ensemble. Calibration
and disagreement use only the infection networks. classifying.py makes the classifiers' scores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlloop.contract.architectures import LabelKey
from mlloop.contract.calibration import Calibration, mean_p8
from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.events import Emit, Progress
from mlloop.contract.manifest import Case, ProposeManifest
from mlloop.contract.plan import Plan
from mlloop.contract.proposals import PROPOSALS_SCHEMA
from mlloop.contract.records import from_plain, read_json, write_bytes, write_json
from mlloop.figures.fitting import fit_calibration
from mlloop.networks.devices import Device
from mlloop.pixels.arrays import ByteArray
from mlloop.pixels.masks import encode_probability
from mlloop.pixels.raster import threshold_mask
from mlloop.pixels.severity import Findings, measure_findings
from mlloop.proposing.classifying import write_scores
from mlloop.proposing.maps import (
    WRITERS,
    Kind,
    MapWriter,
    folds_for,
    is_finished,
    kind_for,
    wait_for,
)

OTHER_LABELS: tuple[LabelKey, ...] = ("lung", "activation")  # their ensembles are plain means
MEASURED_SIDE = 512  # pixels; finer masks change no share by more than 0.002 (49 real films)


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """One map in proposals.json, and the threshold `t8` that makes it a mask.

    `members` are the networks and folds whose maps were averaged.
    """

    network: str
    kind: Kind
    members: tuple[tuple[str, int], ...]
    file: str
    p8_sha256: str
    t8: int
    label: LabelKey = "infection"


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
    plan = manifest.plan
    infection = plan.networks_of("infection")
    others = tuple(network for network in plan.networks if network not in infection)
    writer = MapWriter(manifest, out, device, plan.networks)
    n_scored = len(manifest.scored) * len(plan.networks_of("activation"))
    progress = Progress(emit, total=len(manifest.cases) * len(plan.networks) + n_scored)
    for _ in writer.write(infection, progress=progress, stop=stop):
        pass  # the calibration needs all maps
    calibration = _read_or_fit_calibration(manifest, writer, out, stop)
    write_scores(manifest, out, device=device, progress=progress, stop=stop)
    pending: list[Future[None]] = []
    with ThreadPoolExecutor(WRITERS) as writers:
        # Threads finish a chunk while the other labels' networks work on the next one.
        for chunk in writer.write(others, progress=progress, stop=stop):
            if stop():
                raise Stopped
            wait_for(pending)
            pending = [
                writers.submit(_write_image, case, manifest, calibration, writer, out)
                for case in chunk
                if not is_finished(case, out)
            ]
        wait_for(pending)
    emit("done", images=len(manifest.cases))


def _read_or_fit_calibration(
    manifest: ProposeManifest, writer: MapWriter, out: Path, stop: Stop
) -> Calibration:
    """Return the calibration on disk, or fit and write it. It is written before any proposal."""
    path = out / "calibration.json"
    if path.exists():
        return from_plain(Calibration, read_json(path))
    known = set(manifest.references)
    cases = [case for case in manifest.cases if case.image in known]
    calibration = fit_calibration(
        manifest.plan, cases, maps=writer.read, target=writer.reader.read_target, stop=stop
    )
    write_json(path, calibration)
    return calibration


def _write_image(
    case: Case, manifest: ProposeManifest, calibration: Calibration, writer: MapWriter, out: Path
) -> None:
    """Write the ensembles and the disagreement, then the record that marks the image finished."""
    folder, plan = out / case.image, manifest.plan
    maps = writer.read(case)
    infection, disagreement = calibration.ensemble_map(maps), disagreement_p8(maps)
    write_bytes(folder / "ensemble.ensemble.png", encode_probability(infection))
    write_bytes(folder / "disagreement.png", encode_probability(disagreement))
    fitted = {threshold.network: threshold.t8 for threshold in calibration.thresholds}
    records = _label_records(case, manifest, "infection", [*maps, infection], fitted)
    means: dict[LabelKey, ByteArray] = {}
    for label in OTHER_LABELS:
        if label_maps := writer.read(case, label):
            means[label] = mean_p8(label_maps)
            encoded = encode_probability(means[label])
            write_bytes(folder / f"{label}.ensemble.png", encoded)
            records += _label_records(case, manifest, label, [*label_maps, means[label]], {})
    case_findings = proposal_findings(
        case, plan, infection, means.get("lung"), t8=fitted["ensemble"]
    )
    summary = {
        "schema": PROPOSALS_SCHEMA,
        "image": case.image,
        "patient": case.patient,
        "plan_sha256": plan.sha256,
        "mean_disagreement": float(disagreement.mean()) / 255,
        "findings": case_findings.as_json(),
        "proposals": records,
    }
    write_json(folder / "proposals.json", summary)


def proposal_findings(
    case: Case, plan: Plan, infection: ByteArray, lung: ByteArray | None, *, t8: int
) -> Findings:
    """Measure the ensembles' masks. Their longer side has at most `MEASURED_SIDE` pixels.

    `infection` and `lung` are p8 maps at the grid. `t8` is the threshold of the infection map. The
    lung map uses the plan's threshold.
    """
    scale = max(1.0, max(case.height, case.width) / MEASURED_SIDE)
    shape = (max(1, round(case.height / scale)), max(1, round(case.width / scale)))
    spacing = None if case.spacing_mm is None else case.spacing_mm * scale
    return measure_findings(
        threshold_mask(infection, shape=shape, t8=t8),
        None if lung is None else threshold_mask(lung, shape=shape, t8=plan.threshold),
        cutoffs=plan.severity_cutoffs,
        smallest_share=plan.smallest_lesion,
        spacing_mm=spacing,
        film_shape=(case.height, case.width),
    )


def _label_records(
    case: Case,
    manifest: ProposeManifest,
    label: LabelKey,
    maps: Sequence[ByteArray],
    fitted: Mapping[str, int],
) -> list[ProposalRecord]:
    """Return the records of one label's maps, with its ensemble last.

    A network without a fitted threshold uses the plan's.
    """
    folds, kind = folds_for(case, manifest, label), kind_for(case, manifest, label)
    keys = [network.key for network in manifest.plan.networks_of(label)]
    stem = "ensemble" if label == "infection" else label
    named: list[tuple[str, Kind, str]] = [(key, kind, f"{key}.{kind}.png") for key in keys]
    named.append(("ensemble", "ensemble", f"{stem}.ensemble.png"))
    return [
        ProposalRecord(
            network=name,
            kind=map_kind,
            members=tuple(
                (key, fold)
                for key in (keys if map_kind == "ensemble" else [name])
                for fold in folds
            ),
            file=file,
            p8_sha256=hashlib.sha256(p8.tobytes()).hexdigest(),
            t8=fitted.get(name, manifest.plan.threshold),
            label=label,
        )
        for (name, map_kind, file), p8 in zip(named, maps, strict=True)
    ]
