"""One ensemble member: a network trained without one fold, resumable at any step.

Owns the loop and the choice of the epoch to keep. The same manifest gives the
same weights, whether it ran through or was killed in between.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.events import Clock, Emit
from mlloop.contract.manifest import Case, TrainManifest
from mlloop.contract.plan import Plan
from mlloop.contract.records import digest
from mlloop.figures.metrics import Counts, count_pixels, dice, pool_counts
from mlloop.networks.devices import Device
from mlloop.networks.predicting import build_network, predict, untrained_network
from mlloop.networks.weights import initial_identity, load_trained
from mlloop.pixels.arrays import FloatArray
from mlloop.pixels.raster import quantise
from mlloop.training.checkpoint import (
    Card,
    EpochRecord,
    StateFolder,
    TrainingState,
    is_finished,
    write_member,
)
from mlloop.training.dataset import (
    NO_INNER,
    CaseReader,
    Split,
    batch_cases,
    split_cases,
    training_batch,
)
from mlloop.training.loading import Batch, Loader
from mlloop.training.memory import Passes
from mlloop.training.schedule import epoch_ends, member_seed
from mlloop.training.steps import train_step


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same during one training run."""

    manifest: TrainManifest
    plan: Plan
    seed: int
    device: Device
    reader: CaseReader
    split: Split
    out: Path
    emit: Emit
    encoder_weights: str | None = None


def train_member(
    manifest: TrainManifest, out: Path, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Train to the end, or go on where a former process stopped. Does nothing when finished.

    Raises LearningError for unusable cases and Stopped, after saving, when `stop()` is true.
    """
    if is_finished(manifest, out, emit):
        emit("done", network=manifest.network.key, fold=manifest.fold, finished_before=True)
        return
    started = time.monotonic()
    run = _prepare(manifest, out, device, emit)
    kept = StateFolder(out / "state", digest(manifest), run.reader.loaded_patients)
    state = kept.restore(_fresh_state(run), emit)
    emit("start", network=manifest.network.key, fold=manifest.fold, step=state.step)
    if not run.split.inner:
        emit("no_inner_split", message=NO_INNER)
    clock = Clock(started, state.step, run.plan.steps)

    with batch_loader(run, state.step) as loader:
        while state.step < run.plan.steps:
            loss = train_step(state, loader.next(), run.plan, device, emit)
            if loss is not None:
                state.losses.append(loss)
            state.step += 1
            if state.step in epoch_ends(run.plan):
                _finish_epoch(run, state, clock)
                kept.save(state)
            if stop():
                kept.save(state)
                raise Stopped

    write_member(state, _card(run, state, started), out)
    emit("done", network=manifest.network.key, fold=manifest.fold, finished_before=False)


def batch_loader(run: Run, first: int) -> Loader:
    """Prepare batches from step `first` on in the background; use it in a `with`."""

    def make(step: int) -> Batch:
        cases = batch_cases(run.split, run.plan, run.seed, step)
        return training_batch(cases, run.reader, run.plan.augment, run.seed, step)

    threads = run.device.reading_threads
    return Loader(make, first=first, end=run.plan.steps, threads=threads, ahead=2 * threads)


def _prepare(manifest: TrainManifest, out: Path, device: Device, emit: Emit) -> Run:
    plan = manifest.plan.with_steps_of(manifest.network)
    reader = CaseReader(grid=plan.grid)
    taught = manifest.parent.taught if manifest.parent else ()
    split = split_cases(manifest.cases, plan, reader, taught=frozenset(taught))
    initial = initial_identity(manifest.network)
    return Run(manifest, plan, member_seed(manifest), device, reader, split, out, emit, initial)


def _fresh_state(run: Run) -> TrainingState:
    torch.manual_seed(run.seed)
    if (parent := run.manifest.parent) is None:
        network = build_network(run.manifest.network)
    else:
        network = untrained_network(run.manifest.network)
        name = f"the parent of {run.manifest.network.key}, fold {run.manifest.fold}"
        tensors = load_trained(Path(parent.weights_path), parent.weights_sha256, name)
        network.load_state_dict(tensors)
    network = network.to(run.device.torch_device).train()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=run.plan.learning_rate, weight_decay=run.plan.weight_decay
    )
    averaged = {name: value.detach().clone() for name, value in network.state_dict().items()}
    return TrainingState(network, optimiser, averaged)


def _finish_epoch(run: Run, state: TrainingState, clock: Clock) -> None:
    epoch = epoch_ends(run.plan)[state.step]
    inner = inner_dice(run, state)
    # Averages of the first epochs are unripe; a small inner split would keep one by luck.
    ripe = state.step >= run.plan.inner_from * run.plan.steps
    first = state.best_step < run.plan.inner_from * run.plan.steps
    if ripe and (first or math.isnan(inner) or inner >= state.best_dice):
        state.best_step, state.best_dice = state.step, 0.0 if math.isnan(inner) else inner
        state.best = {name: value.clone() for name, value in state.averaged.items()}
    shown = None if math.isnan(inner) else inner
    loss = sum(state.losses) / len(state.losses) if state.losses else None
    state.losses.clear()
    state.history.append(EpochRecord(epoch, state.step, loss, shown))
    run.emit(
        "epoch",
        network=run.manifest.network.key,
        fold=run.manifest.fold,
        epoch=epoch,
        epochs=run.plan.epochs,
        loss=loss,
        inner_dice=shown,
        **clock.read(state.step),
    )


def inner_dice(run: Run, state: TrainingState) -> float:
    """Return the pooled Dice of the averaged weights on the inner split; NaN if it is empty."""
    if not run.split.inner:
        return math.nan
    state.optimiser.zero_grad()  # a look then needs no more memory than a step
    trained = {name: value.clone() for name, value in state.network.state_dict().items()}
    state.network.load_state_dict(state.averaged)
    state.network.eval()
    passes = Passes(run.device, run.emit)
    found = [_case_counts(run, state, case, passes) for case in run.split.inner]
    state.network.load_state_dict(trained)
    state.network.train()
    return dice(pool_counts(found))


def _case_counts(run: Run, state: TrainingState, case: Case, passes: Passes) -> Counts:
    def forward(images: FloatArray) -> FloatArray:
        return predict(state.network, images, run.plan, run.device)

    probability = passes.through(forward, run.reader.image(case)[None])[0]
    truth = run.reader.target(case) >= np.float32(0.5)
    return count_pixels(quantise(probability) >= run.plan.threshold, truth)


def _card(run: Run, state: TrainingState, started: float) -> Card:
    manifest, parent = run.manifest, run.manifest.parent
    return Card(
        network=manifest.network.key,
        decoder=manifest.network.decoder,
        encoder=manifest.network.encoder,
        fold=manifest.fold,
        k=manifest.k,
        seed=run.seed,
        threads=run.plan.threads,
        precision=run.device.precision,
        device=run.device.torch_device.type,
        plan_sha256=manifest.plan.sha256,
        loaded_patients=tuple(sorted(run.reader.loaded_patients)),
        n_images=len(manifest.cases),
        n_positive=len(run.split.positives),
        n_inner=len(run.split.inner),
        inner_patients=run.split.inner_patients,
        steps=state.step,
        best_step=state.best_step,
        inner_dice=state.best_dice if run.split.inner else None,
        parameters=sum(p.numel() for p in state.network.parameters()),
        seconds=time.monotonic() - started,
        parts=state.parts,
        left_out=state.left_out,
        encoder_weights=run.encoder_weights,
        parent=parent.weights_sha256 if parent else None,
        parent_patients=tuple(sorted(parent.patients)) if parent else (),
    )
