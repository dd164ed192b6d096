"""Compares networks and their ensemble with the activation maps of a classifier, as the paper does.

Both use the same patients, folds and metrics, and every map is out-of-fold. A resumed benchmark
skips finished stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from mlloop.contract.errors import Stop
from mlloop.contract.events import Emit
from mlloop.contract.manifest import ProposeManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.figures.levels import best_t8_by_fold, count_levels, counts_at, describe_thresholds
from mlloop.folders.activation import read_map, read_scores, write_activation_maps
from mlloop.folders.cases import FolderCase
from mlloop.folders.proposals import propose_on, read_proposal
from mlloop.folders.run import (
    FolderRun,
    member_folder,
    read_run,
    train_members,
    with_lung_masks,
)
from mlloop.folders.scoring import Row, RowImage
from mlloop.folders.speed import SpeedRecorder
from mlloop.networks.devices import Device
from mlloop.pixels.arrays import ByteArray, IntArray
from mlloop.proposing.maps import is_finished, kind_for
from mlloop.training.case_reader import read_truth
from mlloop.training.member import train_member
from mlloop.training.tasks.classification import is_covid

Classifiers = Literal["all", "first", "none"]


def run_benchmark(
    run: FolderRun, *, classifiers: Classifiers, device: Device, emit: Emit, stop: Stop
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Train missing members, propose, and return the rows for infection and the rows for lungs.

    Raises LearningError, or Stopped after saving.
    """
    recorder = SpeedRecorder(run.out, run.plan, device.torch_device, emit)
    train_members(run, device=device, emit=recorder, stop=stop)
    extended = with_classifiers(run, classifiers)
    classifier_networks = extended.plan.networks_of("activation")
    for network in classifier_networks:
        train_classifiers(extended, network, device=device, emit=recorder, stop=stop)
    stopwatch = recorder.time("propose, all networks")
    n_missing = sum(not is_finished(film.case, run.out / "proposals") for film in run.cases)
    manifest = propose_on(
        run.cases, read_run(run.out), run=run.out, out=run.out, device=device, emit=emit, stop=stop
    )
    stopwatch.stop(n_missing)
    rows = network_rows(run.cases, manifest, run.out)
    for network in classifier_networks:
        write_activation_maps(extended, network, device=device, emit=emit, stop=stop)
        rows += activation_rows(run, network.encoder)
    return rows, lung_rows(run.cases, manifest, run.out)


def with_classifiers(run: FolderRun, classifiers: Classifiers) -> FolderRun:
    """Return the run with added classifiers: for each encoder, for the first encoder, or none."""
    first: dict[str, NetworkPlan] = {}
    for network in run.plan.networks_of("infection"):
        first.setdefault(network.encoder, network)
    count = {"all": len(first), "first": 1, "none": 0}[classifiers]
    added = tuple(
        NetworkPlan(
            key=f"classifier-{network.encoder}".replace(".", "_")[:64],
            decoder="classifier",
            encoder=network.encoder,
            encoder_weights=network.encoder_weights,
            label="activation",
        )
        for network in tuple(first.values())[:count]
    )
    return replace(run, plan=replace(run.plan, networks=(*run.plan.networks, *added)))


def train_classifiers(
    run: FolderRun, network: NetworkPlan, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Train the classifier of one encoder once per fold, without the patients of that fold."""
    for fold in range(run.k):
        folder = member_folder(run.out, network.key, fold)
        manifest = run.training_manifest(network, fold)
        train_member(manifest, folder, device=device, emit=emit, stop=stop)


def network_rows(
    cases: Sequence[FolderCase], manifest: ProposeManifest, out: Path
) -> tuple[Row, ...]:
    """Return a row for each network and one for the ensemble, at the plan's threshold."""
    plan = manifest.plan
    names = [network.key for network in plan.networks_of("infection")]
    names += ["ensemble"] if len(names) > 1 else []
    rows = []
    for name in names:
        judged = [_judge_proposal(film, name, manifest, out) for film in cases]
        rows.append(Row(name, f"{plan.threshold} of 255", "infected share of film", tuple(judged)))
    return tuple(rows)


def lung_rows(cases: Sequence[FolderCase], manifest: ProposeManifest, out: Path) -> tuple[Row, ...]:
    """Return a row for each lung network, over the cases with an expert's lung mask."""
    plan, films, rows = manifest.plan, with_lung_masks(cases), []
    for network in plan.networks_of("lung") if films else ():
        judged = []
        for case, film in films.items():
            kind = kind_for(case, manifest, "lung")
            levels = count_levels(read_proposal(out, case, network.key, kind), read_truth(case))
            judged.append(judge(film, levels, plan.threshold))
        score = "lung share of film"
        rows.append(Row(network.key, f"{plan.threshold} of 255", score, tuple(judged)))
    return tuple(rows)


def activation_rows(run: FolderRun, encoder: str) -> tuple[Row, ...]:
    """Return two rows: Grad-CAM unchanged, and weighted by the probability of covid.

    A map is scaled to 0..1 within its film, so even a healthy film has a bright spot. The weight
    corrects this. Both rows use the threshold that is best on the other folds. The networks' masks
    do not have this advantage.
    """
    scores = read_scores(run.out, encoder)
    plain, weighed = [], []
    for film in run.cases:
        p8, truth = read_map(run.out, encoder, film.case), read_truth(film.case)
        plain.append(count_levels(p8, truth))
        weighed.append(count_levels(weigh(p8, scores[film.case.image]), truth))
    return (
        _activation_row(f"Grad-CAM {encoder}", run, scores, plain),
        _activation_row(f"Grad-CAM x probability {encoder}", run, scores, weighed),
    )


def weigh(p8: ByteArray, probability: float) -> ByteArray:
    """Return a map `(h, w)` multiplied by the probability that its film shows covid."""
    weighed: ByteArray = np.floor(p8 * probability + 0.5).astype(np.uint8)
    return weighed


def _judge_proposal(
    film: FolderCase, network: str, manifest: ProposeManifest, out: Path
) -> RowImage:
    p8 = read_proposal(out, film.case, network, kind_for(film.case, manifest))
    levels = count_levels(p8, read_truth(film.case))
    return judge(film, levels, manifest.plan.threshold)


def judge(film: FolderCase, levels: IntArray, t8: int, score: float | None = None) -> RowImage:
    """Measure one image at a threshold. The default score is the share of the film in the mask."""
    counts = counts_at(levels, t8)
    share = (counts.tp + counts.fp) / int(levels[1].sum())
    case = film.case
    return RowImage(
        patient=case.patient,
        source=film.source,
        fold=case.fold,
        is_covid=is_covid(case),
        counts=counts,
        score=share if score is None else score,
    )


def _activation_row(
    name: str, run: FolderRun, scores: dict[str, float], levels: Sequence[IntArray]
) -> Row:
    thresholds = best_t8_by_fold(levels, [film.case.fold for film in run.cases])
    judged = [
        judge(film, its_levels, thresholds[film.case.fold], scores[film.case.image])
        for film, its_levels in zip(run.cases, levels, strict=True)
    ]
    return Row(
        name, describe_thresholds(thresholds), "probability of the classifier", tuple(judged)
    )
