"""Compares a training step with a bare loop, and whole epochs with their steps alone."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from bench import bare
from bench.environment import Options, machine
from bench.measure import Bar, Row, alternate, ratio, row, seconds
from bench.phantom_cases import read_cases, write_phantoms
from mlloop.contract.events import EventValue
from mlloop.contract.manifest import TrainManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset
from mlloop.networks.building import build_network
from mlloop.networks.devices import Device, prepare_device
from mlloop.training.batches import batch_cases
from mlloop.training.checkpoint import TrainingState
from mlloop.training.loading import Batch
from mlloop.training.member import make_batch_loader, prepare_run
from mlloop.training.steps import train_step
from mlloop.training.tasks.task import Run

STEP_BAR = Bar("<=", 1.1)
EPOCH_BAR = Bar(">=", 0.85)
_STEPS = 4  # in one turn
_FOLD, _K = 0, 3


def measure(options: Options) -> list[Row]:
    """Measure each network of the `cpu` plan, and loading for the network with the fastest step."""
    plan = preset("cpu")
    device = prepare_device(plan, choice=options.device)
    name = device_name(device)
    place = write_phantoms(options.folder)
    rows, millis = [], {}
    for network in plan.networks:
        run, state = prepare_member(network, plan, place, device)
        ours, plain = alternate(*_step_loops(run, state))
        millis[network] = 1e3 * statistics.median(ours) / _STEPS
        bare_millis = 1e3 * statistics.median(plain) / _STEPS
        rows += [
            row(f"training.step_ratio.{network.key}", ratio(ours, plain), "x bare",
                bar=STEP_BAR, device=name),
            row(f"training.step_ms.{network.key}", millis[network], "ms", device=name),
            row(f"training.bare_step_ms.{network.key}", bare_millis, "ms", device=name),
        ]  # fmt: skip
    worst = max(r.value for r in rows if r.name.startswith("training.step_ratio"))
    head = row("training.step_ratio", worst, "x bare, worst network", bar=STEP_BAR, device=name)
    # Loading matters most for the network with the shortest step.
    fastest = min(millis, key=lambda network: millis[network])
    return [head, *rows, *_measure_epochs(*prepare_member(fastest, plan, place, device), name)]


def device_name(device: Device) -> str:
    """Return the names of the GPU or processor and of the number type, and the threads."""
    if device.torch_device.type == "cuda":
        return f"{torch.cuda.get_device_name()}, {device.precision}"
    return f"{machine()}, {torch.get_num_threads()} thread, {device.precision}"


def prepare_member(
    network: NetworkPlan, plan: Plan, place: Path, device: Device
) -> tuple[Run, TrainingState]:
    """Return the run and state of one member, with the cases outside the held-out fold."""
    kept = tuple(case for case in read_cases(place, k=_K) if case.fold != _FOLD)
    manifest = TrainManifest(1, plan, network, _FOLD, _K, kept)
    run = prepare_run(manifest, device, _silent)
    body = build_network(network, plan.grid).to(device.torch_device).train()
    optimiser = torch.optim.AdamW(
        body.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    averaged = {name: value.detach().clone() for name, value in body.state_dict().items()}
    return run, TrainingState(body, optimiser, averaged)


def _step_loops(run: Run, state: TrainingState) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return our steps and the bare steps, both on the same batch in memory."""
    batch = _make_batch(run)
    network = run.manifest.network
    device = run.device.torch_device
    loop = bare.TrainingLoop(
        bare_network(network, device),
        bare.stack_planes(batch[0].to(device), network.patch),
        F.pixel_unshuffle(batch[1].to(device), network.patch),
        is_bfloat16=run.device.precision == "bfloat16",
    )
    return (
        lambda: _time_steps(run, state, batch),
        lambda: seconds(lambda: [loop.step() for _ in range(_STEPS)]),
    )


def _measure_epochs(run: Run, state: TrainingState, name: str) -> list[Row]:
    """Compare steps that load their batches with steps on a batch in memory, over one epoch."""
    n_cases = len(run.manifest.cases)
    count = max(1, round(n_cases / run.plan.batch_size))

    def time_first_epoch() -> float:
        """Decode every film and mask, as the first epoch of a member does."""
        return seconds(lambda: run_steps(_reread(run), state, count))

    def time_later_epoch() -> float:
        return seconds(lambda: run_steps(run, state, count))

    def time_steps_only() -> float:
        return _time_steps(run, state, _make_batch(run), count)

    loaded, kept, ready = alternate(time_first_epoch, time_later_epoch, time_steps_only)
    epochs, turns = run.plan.epochs, zip(loaded, kept, strict=True)
    whole = [with_decoding + (epochs - 1) * without for with_decoding, without in turns]
    return [
        row("training.epoch_ratio", ratio([epochs * s for s in ready], whole),
            f"x steps only, {epochs} epochs", bar=EPOCH_BAR, device=name),
        row("training.first_epoch_ratio", ratio(ready, loaded), "x steps only", device=name),
        row("training.later_epoch_ratio", ratio(ready, kept), "x steps only", device=name),
        row("training.films_per_s", count * run.plan.batch_size / statistics.median(kept),
            "films/s", device=name),
    ]  # fmt: skip


def _reread(run: Run) -> Run:
    """Return the same run without any film in memory."""
    return prepare_run(run.manifest, run.device, run.emit)


def _make_batch(run: Run) -> Batch:
    return run.task.make_batch(batch_cases(run.split, run.plan, run.seed, 0), run, 0)


def _time_steps(run: Run, state: TrainingState, batch: Batch, count: int = _STEPS) -> float:
    """Return the seconds of `count` training steps on one batch in memory."""

    def steps() -> None:
        for _ in range(count):
            _step(run, state, batch)

    return seconds(steps)


def run_steps(run: Run, state: TrainingState, count: int) -> None:
    """Do `count` training steps. They load their batches in the same way as a member."""
    state.step = 0
    with make_batch_loader(run, state.step) as loader:
        for _ in range(count):
            _step(run, state, loader.next())


def _step(run: Run, state: TrainingState, batch: Batch) -> None:
    train_step(state, batch, run.plan, run.device, run.emit, loss_of=run.task.loss)
    state.step = (state.step + 1) % run.plan.steps


def bare_network(network: NetworkPlan, device: torch.device) -> nn.Module:
    """Return the library's network with the same shape as a network of a plan."""
    return bare.build_network(
        network.decoder,
        network.encoder,
        network.decoder_channels,
        patch=network.patch,
        device=device,
    )


def _silent(event: str, /, **values: EventValue) -> None:
    del event, values
