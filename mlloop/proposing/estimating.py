"""Estimates the cost of a plan on this device, from a few steps and forward passes.

Reading films is left out, because it runs while the network trains. On a GPU, memory is the peak
that torch allocated; on a CPU it is the peak of this process, scaled up to the whole batch.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from mlloop.contract.errors import Stop, Stopped
from mlloop.contract.events import Emit
from mlloop.contract.manifest import EstimateManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.records import write_json
from mlloop.networks.building import build_untrained_network
from mlloop.networks.devices import Device
from mlloop.training.checkpoint import TrainingState
from mlloop.training.steps import train_step
from mlloop.training.tasks import task_of

_REPEATS = 2
_CPU_BATCH = 4  # images in a timed batch on a CPU, where 32 could take a minute


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """The cost of one network: seconds per step and per image, and peak bytes in training."""

    network: str
    parameters: int
    seconds_step: float
    seconds_image: float
    bytes: int


@dataclass(frozen=True, slots=True)
class RoundCost:
    """The cost of a round, if its members and images run one after another."""

    device: str
    networks: tuple[NetworkCost, ...]
    seconds_members: dict[str, float]
    seconds_training: float
    seconds_proposing: float
    bytes: int
    schema: int = 1


def estimate_cost(
    manifest: EstimateManifest, out: Path, *, device: Device, emit: Emit, stop: Stop
) -> RoundCost:
    """Time each network of the plan, write the cost to `estimate.json` and return it.

    Raises LearningError if a network cannot be built or does not fit into memory, and Stopped.
    """
    plan, costs = manifest.plan, []
    for done, network in enumerate(plan.networks):
        emit("progress", done=done, total=len(plan.networks))
        costs.append(_measure_cost(network, plan, device, emit, stop))
    cost = _sum_costs(manifest, tuple(costs), device)
    write_json(out / "estimate.json", cost)
    emit("done", seconds=cost.seconds_training + cost.seconds_proposing, bytes=cost.bytes)
    return cost


def _sum_costs(
    manifest: EstimateManifest, costs: tuple[NetworkCost, ...], device: Device
) -> RoundCost:
    plan, unseen = manifest.plan, manifest.n_propose - manifest.n_trained
    # Every epoch ends with predictions on the inner split.
    inner_images = plan.epochs * plan.inner_fraction * manifest.n_train * (1 - 1 / manifest.k)
    members = {
        cost.network: _steps(plan, cost) * cost.seconds_step + inner_images * cost.seconds_image
        for cost in costs
    }
    passes = manifest.n_trained + manifest.k * unseen
    classifiers = [cost for cost in costs if plan.network(cost.network).label == "activation"]
    return RoundCost(
        device=_device_name(device),
        networks=costs,
        seconds_members=members,
        seconds_training=manifest.k * sum(members.values()),
        seconds_proposing=passes * sum(cost.seconds_image for cost in costs)
        # A classifier also scores every film that it learned from.
        + manifest.n_train * sum(cost.seconds_image for cost in classifiers),
        bytes=max(cost.bytes for cost in costs),
    )


def _steps(plan: Plan, cost: NetworkCost) -> int:
    return plan.with_steps_of(plan.network(cost.network)).steps


def _measure_cost(
    network: NetworkPlan, plan: Plan, device: Device, emit: Emit, stop: Stop
) -> NetworkCost:
    is_gpu = device.torch_device.type == "cuda"
    count = plan.batch_size if is_gpu else min(plan.batch_size, _CPU_BATCH)
    memory = _Memory(is_gpu=is_gpu)
    task = task_of(network)
    built = build_untrained_network(network, plan.grid).to(device.torch_device).train()
    averaged = {name: value.detach().clone() for name, value in built.state_dict().items()}
    state = TrainingState(built, torch.optim.AdamW(built.parameters()), averaged)
    images = torch.rand(count, 1, plan.grid, plan.grid)
    batch = (images, torch.zeros(count, 1, *task.target_shape(plan.grid)))
    step = _median_seconds(
        lambda: train_step(state, batch, plan, device, emit, loss_of=task.loss), stop
    )
    used = memory.used(scale=plan.batch_size / count)
    built.eval()
    inputs = images[:, 0].numpy()
    image = _median_seconds(lambda: task.predict_maps(built, inputs, plan, device), stop) / count
    return NetworkCost(
        network=network.key,
        parameters=sum(value.numel() for value in built.parameters()),
        seconds_step=step * plan.batch_size / count,
        seconds_image=image,
        bytes=used,
    )


def _median_seconds(work: Callable[[], object], stop: Stop) -> float:
    """Return the median seconds of `work`. The first run does not count.

    Each run ends with a number read from the device, so the clock includes its work.
    """
    taken = []
    for _ in range(1 + _REPEATS):
        if stop():
            raise Stopped
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


class _Memory:
    """Measures the peak memory of one network."""

    def __init__(self, *, is_gpu: bool) -> None:
        self._is_gpu = is_gpu
        if is_gpu:
            torch.cuda.reset_peak_memory_stats()
        gc.collect()
        _reset_peak()
        self._before = 0 if is_gpu else _peak_bytes()

    def used(self, *, scale: float) -> int:
        """Return the peak in bytes. On a CPU, the bytes added since the start are times `scale`."""
        if self._is_gpu:
            return int(torch.cuda.max_memory_allocated())
        return round(self._before + max(0, _peak_bytes() - self._before) * scale)


def _reset_peak() -> None:
    """Reset the peak of resident memory, if the system can.

    Without this, a small network would report the peak of a larger network that ran earlier.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    """Return the peak of resident memory in bytes since the last `_reset_peak`."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _device_name(device: Device) -> str:
    if device.torch_device.type == "cuda":
        return f"{torch.cuda.get_device_name()}, {device.precision}"
    return f"CPU, {torch.get_num_threads()} thread(s), {device.precision}"
