"""Train one ensemble member on all folds except its own. Training can resume at any step.

This file has the training loop and chooses the epoch to keep. The task defines what is learned.
The same manifest gives the same weights, with or without interruptions.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.events import Clock, Emit
from mlloop.contract.manifest import TrainManifest
from mlloop.contract.records import digest
from mlloop.networks.building import build_network, build_untrained_network
from mlloop.networks.devices import Device
from mlloop.networks.weights import identify_initial_weights, read_trained_weights
from mlloop.training.batches import batch_cases
from mlloop.training.case_reader import CaseReader
from mlloop.training.checkpoint import EpochRecord, StateFolder, TrainingState
from mlloop.training.finished_member import Card, is_finished, write_member
from mlloop.training.inner_split import NO_INNER
from mlloop.training.loading import Batch, Loader
from mlloop.training.schedule import epoch_ends, member_seed
from mlloop.training.steps import train_step
from mlloop.training.tasks import task_of
from mlloop.training.tasks.task import Run


def train_member(
    manifest: TrainManifest, out: Path, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Train a member and write it to `out`, from the saved state of an earlier process if any.

    Does nothing if the member is finished. Raises LearningError for unusable cases. Saves the state
    and raises Stopped when `stop()` is true.
    """
    if is_finished(manifest, out, emit):
        emit("done", network=manifest.network.key, fold=manifest.fold, finished_before=True)
        return
    started = time.monotonic()
    run = prepare_run(manifest, device, emit)
    folder = StateFolder(out / "state", digest(manifest), run.reader.loaded_patients)
    state = folder.restore(_build_fresh_state(run), emit)
    emit("start", network=manifest.network.key, fold=manifest.fold, step=state.step)
    if not run.split.inner:
        emit("no_inner_split", message=NO_INNER)
    _train_steps(run, state, folder, Clock(started, state.step, run.plan.steps), stop)
    write_member(state, _make_card(run, state, started), out)
    emit("done", network=manifest.network.key, fold=manifest.fold, finished_before=False)


def prepare_run(manifest: TrainManifest, device: Device, emit: Emit) -> Run:
    """Split the cases, and return everything that stays the same during the run."""
    task = task_of(manifest.network)
    plan = task.adapt_plan(manifest.plan.with_steps_of(manifest.network))
    reader = CaseReader(grid=plan.grid)
    split = task.split(manifest, plan, reader)
    initial = identify_initial_weights(manifest.network, manifest.download_sha256)
    return Run(manifest, task, plan, member_seed(manifest), device, reader, split, emit, initial)


def _train_steps(
    run: Run, state: TrainingState, folder: StateFolder, clock: Clock, stop: Stop
) -> None:
    ends = epoch_ends(run.plan)
    with make_batch_loader(run, state.step) as loader:
        while state.step < run.plan.steps:
            batch = loader.next()
            loss = train_step(state, batch, run.plan, run.device, run.emit, loss_of=run.task.loss)
            if loss is not None:
                state.losses.append(loss)
            state.step += 1
            if state.step in ends:
                _finish_epoch(run, state, ends[state.step], clock)
                folder.save(state)
            if stop():
                folder.save(state)
                raise Stopped


def make_batch_loader(run: Run, first: int) -> Loader:
    """Return a loader of the batches from step `first` on. Use it in a `with` statement."""

    def make(step: int) -> Batch:
        cases = batch_cases(run.split, run.plan, run.seed, step)
        return run.task.make_batch(cases, run, step)

    threads = run.device.reading_threads
    return Loader(make, first=first, end=run.plan.steps, threads=threads, ahead=2 * threads)


def _build_fresh_state(run: Run) -> TrainingState:
    torch.manual_seed(run.seed)
    if (parent := run.manifest.parent) is None:
        network = build_network(
            run.manifest.network, run.plan.grid, download_sha256=run.manifest.download_sha256
        )
    else:
        network = build_untrained_network(run.manifest.network, run.plan.grid)
        name = f"the parent of {run.manifest.network.key}, fold {run.manifest.fold}"
        tensors = read_trained_weights(Path(parent.weights_path), parent.weights_sha256, name)
        network.load_state_dict(tensors)
    network = network.to(run.device.torch_device).train()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=run.plan.learning_rate, weight_decay=run.plan.weight_decay
    )
    state = TrainingState(network, optimiser, averaged={})
    if run.task.keeps_average:
        state.averaged = state.copy_weights()
    return state


def _finish_epoch(run: Run, state: TrainingState, epoch: int, clock: Clock) -> None:
    """Score the weights on the inner split, keep them if they are the best, and report.

    If two epochs have the same score, the later epoch is kept. If nothing can be scored, the last
    epoch is kept.
    """
    score = _score_inner_split(run, state)
    # The moving averages of the first epochs are still poor. On a small inner split such an epoch
    # could have the best score by chance, so the first epochs are never kept.
    from_step = run.plan.inner_from * run.plan.steps
    is_first = not state.best or state.best_step < from_step
    is_best = is_first or math.isnan(score) or score >= state.best_score
    if state.step >= from_step and is_best:
        state.best_step, state.best_score = state.step, 0.0 if math.isnan(score) else score
        averaged = {name: value.clone() for name, value in state.averaged.items()}
        state.best = averaged or state.copy_weights()
    known = None if math.isnan(score) else score
    loss = sum(state.losses) / len(state.losses) if state.losses else None
    state.losses.clear()
    inner_dice = known if run.task.score_name == "dice" else None
    state.history.append(EpochRecord(epoch, state.step, loss, inner_dice))
    run.emit(
        "epoch",
        network=run.manifest.network.key,
        fold=run.manifest.fold,
        epoch=epoch,
        epochs=run.plan.epochs,
        loss=loss,
        **{f"inner_{run.task.score_name}": known},
        **clock.read(state.step),
    )


def _score_inner_split(run: Run, state: TrainingState) -> float:
    """Return the task's score on the inner split; NaN if it is empty."""
    if not run.split.inner:
        return math.nan
    state.optimiser.zero_grad()  # without gradients, scoring needs no more memory than a step
    with _weights_for_scoring(state):
        return run.task.score(state.network, run)


@contextlib.contextmanager
def _weights_for_scoring(state: TrainingState) -> Iterator[None]:
    """Switch the network to evaluation, with the averaged weights if there are any."""
    trained = state.copy_weights() if state.averaged else {}
    if trained:
        state.network.load_state_dict(state.averaged)
    state.network.eval()
    yield
    if trained:
        state.network.load_state_dict(trained)
    state.network.train()


def _make_card(run: Run, state: TrainingState, started: float) -> Card:
    manifest, parent = run.manifest, run.manifest.parent
    score = state.best_score if run.split.inner else None
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
        inner_dice=score if run.task.score_name == "dice" else None,
        score=score,
        score_name=run.task.score_name,
        parameters=sum(p.numel() for p in state.network.parameters()),
        seconds=time.monotonic() - started,
        parts=state.parts,
        left_out=state.left_out,
        encoder_weights=run.encoder_weights,
        parent=parent.weights_sha256 if parent else None,
        parent_patients=tuple(sorted(parent.patients)) if parent else (),
    )
