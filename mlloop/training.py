"""One ensemble member: a network trained without one fold, resumable at any step.

Owns the loop, the averaged weights and the choice of the epoch to keep. The same manifest gives the
same weights, whether it ran through or was killed in between.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mlloop.checkpoint import (
    Card,
    EpochRecord,
    TrainingState,
    drop_state,
    restore,
    save_state,
    write_member,
)
from mlloop.dataset import CaseReader, Split, batch_cases, split_cases, training_batch
from mlloop.devices import Device
from mlloop.errors import Stopped
from mlloop.events import Emit
from mlloop.losses import segmentation_loss
from mlloop.manifest import Case, Plan, TrainManifest
from mlloop.masks import quantise
from mlloop.metrics import Counts, counts, dice, pooled
from mlloop.networks import build_network, predict, untrained_network
from mlloop.schedule import epoch_ends, learning_rate, member_seed
from mlloop.weights import load_trained

Stop = Callable[[], bool]


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


def train_member(
    manifest: TrainManifest, out: Path, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Train to the end, or go on where a former process stopped. Does nothing when finished.

    Raises LearningError for unusable cases and Stopped, after saving, when `stop()` is true.
    """
    if (out / "card.json").exists():
        drop_state(out)
        emit("done", network=manifest.network.key, fold=manifest.fold, finished_before=True)
        return
    started = time.monotonic()
    run = _prepare(manifest, out, device, emit)
    state = restore(_fresh_state(run), out / "state", run.reader.loaded_patients)
    emit("start", network=manifest.network.key, fold=manifest.fold, step=state.step)
    clock = _Clock(started, state.step, run.plan.steps)

    while state.step < run.plan.steps:
        state.losses.append(train_step(run, state))
        state.step += 1
        if state.step in epoch_ends(run.plan):
            _finish_epoch(run, state, clock)
            save_state(state, out / "state", run.reader.loaded_patients)
        if stop():
            save_state(state, out / "state", run.reader.loaded_patients)
            raise Stopped

    write_member(state, _card(run, state, started), out)
    emit("done", network=manifest.network.key, fold=manifest.fold, finished_before=False)


def train_step(run: Run, state: TrainingState) -> float:
    """Do one optimiser step and move the averaged weights; return the loss."""
    cases = batch_cases(run.split, run.plan, run.seed, state.step)
    images, targets = training_batch(cases, run.reader, run.plan.augment, run.seed, state.step)
    device = run.device.torch_device
    with run.device.autocast():
        logits = state.network(images.to(device))
    loss = segmentation_loss(logits, targets.to(device), dice_weight=run.plan.dice_weight)
    rate = learning_rate(run.plan, state.step)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    state.optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimiser.step()
    _move_average(state, run.plan)
    return float(loss.item())


def _prepare(manifest: TrainManifest, out: Path, device: Device, emit: Emit) -> Run:
    plan = manifest.plan
    reader = CaseReader(grid=plan.grid)
    split = split_cases(manifest.cases, plan, reader)
    return Run(manifest, plan, member_seed(manifest), device, reader, split, out, emit)


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


@torch.no_grad()
def _move_average(state: TrainingState, plan: Plan) -> None:
    # Young averages forget fast, or the random start would weigh for hundreds of steps.
    decay = min(plan.ema_decay, (state.step + 1) / (state.step + 10))
    moving: list[Tensor] = []
    current: list[Tensor] = []
    for name, value in state.network.state_dict().items():
        if value.is_floating_point():
            moving.append(state.averaged[name])
            current.append(value)
        else:
            state.averaged[name].copy_(value)
    torch._foreach_lerp_(moving, current, 1 - decay)


def _finish_epoch(run: Run, state: TrainingState, clock: _Clock) -> None:
    epoch = epoch_ends(run.plan)[state.step]
    inner = inner_dice(run, state)
    # Averages of the first epochs are unripe; a small inner split would keep one by luck.
    ripe = state.step >= run.plan.inner_from * run.plan.steps
    first = state.best_step < run.plan.inner_from * run.plan.steps
    if ripe and (first or math.isnan(inner) or inner >= state.best_dice):
        state.best_step, state.best_dice = state.step, 0.0 if math.isnan(inner) else inner
        state.best = {name: value.clone() for name, value in state.averaged.items()}
    shown = None if math.isnan(inner) else inner
    loss = sum(state.losses) / len(state.losses)
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
    trained = {name: value.clone() for name, value in state.network.state_dict().items()}
    state.network.load_state_dict(state.averaged)
    state.network.eval()
    found = [_case_counts(run, state, case) for case in run.split.inner]
    state.network.load_state_dict(trained)
    state.network.train()
    return dice(pooled(found))


def _case_counts(run: Run, state: TrainingState, case: Case) -> Counts:
    image = torch.from_numpy(run.reader.image(case)[None, None])
    probability = predict(state.network, image, run.plan, run.device)[0].numpy()
    truth = run.reader.target(case) >= np.float32(0.5)
    return counts(quantise(probability) >= run.plan.threshold, truth)


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
        plan_sha256=run.plan.sha256,
        loaded_patients=tuple(sorted(run.reader.loaded_patients)),
        n_images=len(manifest.cases),
        n_positive=len(run.split.positives),
        n_inner=len(run.split.inner),
        steps=state.step,
        best_step=state.best_step,
        inner_dice=state.best_dice if run.split.inner else None,
        parameters=sum(p.numel() for p in state.network.parameters()),
        seconds=time.monotonic() - started,
        parent=parent.weights_sha256 if parent else None,
        parent_patients=tuple(sorted(parent.patients)) if parent else (),
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    started: float
    first_step: int
    steps: int

    def read(self, step: int) -> dict[str, float]:
        seconds = time.monotonic() - self.started
        rate = seconds / max(1, step - self.first_step)
        return {"seconds": round(seconds, 2), "eta_seconds": round(rate * (self.steps - step), 1)}
