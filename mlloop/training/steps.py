"""Do one optimiser step, and recover when its loss is not finite or memory runs out.

A step without a finite loss and gradient is left out. If memory runs out, the step is repeated in
parts and the gradients of the parts are added. The loss is the same, but batch statistics are those
of the parts. If memory runs out inside the optimiser, some weights may be moved twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from mlloop.contract.errors import LearningError
from mlloop.contract.events import Emit
from mlloop.contract.plan import Plan
from mlloop.networks.devices import Device
from mlloop.training.checkpoint import TrainingState
from mlloop.training.loading import Batch
from mlloop.training.memory import run_in_parts
from mlloop.training.schedule import learning_rate

LossOf = Callable[[Tensor, Tensor, Plan], Tensor]  # logits and targets of a batch
_MOMENTS = 3  # AdamW's: the count of steps, the mean gradient, the mean square


def train_step(
    state: TrainingState,
    batch: Batch,
    plan: Plan,
    device: Device,
    emit: Emit,
    *,
    loss_of: LossOf,
) -> float | None:
    """Do one optimiser step and move the averaged weights, if any; return the loss.

    The batch is images `(N, 1, grid, grid)` and the targets that the loss takes, on the CPU.
    Returns None if the step was left out. Raises LearningError after `plan.patience` such steps in
    a row, or if a single image does not fit into memory.
    """
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(plan, state.step)
    statistics = [value.clone() for value in state.network.buffers()]

    def undo() -> None:
        # The forward pass has already changed the batch statistics, perhaps to NaN.
        for value, before in zip(state.network.buffers(), statistics, strict=True):
            value.copy_(before)
        state.optimiser.zero_grad()

    def attempt(parts: int) -> float | None:
        loss = _compute_gradients(state, batch, plan, device, loss_of=loss_of, parts=parts)
        norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), plan.clip_norm)
        if not math.isfinite(loss) or not math.isfinite(float(norm)):
            return None
        state.optimiser.step()
        return loss

    def use_more(parts: int) -> None:
        undo()
        _use_more_parts(state, parts, len(batch[0]), emit)

    count = len(batch[0])
    loss = run_in_parts(attempt, parts=state.parts, count=count, device=device, use_more=use_more)
    if loss is None:
        undo()
        _leave_out(state, plan, emit)
        return None
    state.in_a_row = 0
    _move_average(state, plan)
    return loss


def _compute_gradients(
    state: TrainingState, batch: Batch, plan: Plan, device: Device, *, loss_of: LossOf, parts: int
) -> float:
    """Set the network's gradients for the whole batch, part by part; return the loss."""
    state.optimiser.zero_grad()
    place, count, total = device.torch_device, len(batch[0]), 0.0
    pieces = (tensor.chunk(parts) for tensor in batch)
    for images, targets in zip(*pieces, strict=True):
        with device.autocast():
            logits = state.network(images.to(place))
        loss = loss_of(logits, targets.to(place), plan) * (len(images) / count)
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.item())
    return total


def _use_more_parts(state: TrainingState, parts: int, count: int, emit: Emit) -> None:
    state.parts = parts
    for group in state.optimiser.param_groups:
        # Updating one weight at a time needs no second copy of all weights.
        group["foreach"] = False
    slots = state.optimiser.state
    for weight in [weight for weight, moments in slots.items() if len(moments) < _MOMENTS]:
        del slots[weight]  # incomplete: memory ran out while its moments were created
    emit(
        "smaller_batch",
        step=state.step,
        parts=parts,
        message=f"Memory ran out: batches are computed {math.ceil(count / parts)} images at a time"
        f" from step {state.step} on. The weights can differ from those of a machine with more"
        " memory.",
    )


def _leave_out(state: TrainingState, plan: Plan, emit: Emit) -> None:
    state.left_out += 1
    state.in_a_row += 1
    emit("step_left_out", step=state.step, in_a_row=state.in_a_row)
    if state.in_a_row >= plan.patience:
        raise LearningError(
            "not_finite",
            f"Training stopped at step {state.step}: {state.in_a_row} steps in a row had no"
            " finite loss or gradient. Lower learning_rate, set precision to float32, or lower"
            " clip_norm.",
        )


@torch.no_grad()
def _move_average(state: TrainingState, plan: Plan) -> None:
    # The decay starts small. Otherwise the random first weights would count for hundreds of steps.
    decay = min(plan.ema_decay, (state.step + 1) / (state.step + 10))
    moving: list[Tensor] = []
    current: list[Tensor] = []
    for name, value in state.network.state_dict().items():
        if name not in state.averaged:
            continue
        if value.is_floating_point():
            moving.append(state.averaged[name])
            current.append(value)
        else:
            state.averaged[name].copy_(value)
    if moving:
        torch._foreach_lerp_(moving, current, 1 - decay)
