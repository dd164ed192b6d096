"""One optimiser step: forward, loss, backward, and what to do when it goes wrong.

A step without a finite loss and gradient is left out. Where memory runs out the batch is cut in
parts whose gradients are added up: the same loss, but batch statistics of the parts.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import torch
from torch import Tensor

from mlloop.checkpoint import TrainingState
from mlloop.devices import Device
from mlloop.errors import LearningError
from mlloop.events import Emit
from mlloop.loading import Batch
from mlloop.losses import planned_loss
from mlloop.plan import Plan
from mlloop.schedule import learning_rate

LossOf = Callable[[Tensor, Tensor, Plan], Tensor]  # logits and targets of a batch
_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory")


def train_step(
    state: TrainingState,
    batch: Batch,
    plan: Plan,
    device: Device,
    emit: Emit,
    *,
    loss_of: LossOf = planned_loss,
) -> float | None:
    """Do one optimiser step and move the averaged weights, if any; return the loss.

    The batch is images and covered shares `(N, 1, grid, grid)` on the CPU, or for another loss the
    targets that it takes. Returns None where the step was left out. Raises LearningError after
    `plan.patience` such steps in a row, or where not even one image fits into memory.
    """
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(plan, state.step)
    loss = _gradients_in_parts(state, batch, plan, device, emit, loss_of=loss_of)
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), plan.clip_norm)
    if not math.isfinite(loss) or not math.isfinite(float(norm)):
        _leave_out(state, plan, emit)
        return None
    state.in_a_row = 0
    state.optimiser.step()
    _move_average(state, plan)
    return loss


def _gradients_in_parts(
    state: TrainingState, batch: Batch, plan: Plan, device: Device, emit: Emit, *, loss_of: LossOf
) -> float:
    """Leave the gradient of the whole batch on the network, in as many parts as memory asks."""
    while True:
        try:
            return _gradients(state, batch, plan, device, loss_of)
        except (MemoryError, RuntimeError) as error:
            if not _is_memory(error):
                raise
        # Outside of the handler, since its traceback holds on to the tensors that were too many.
        _use_more_parts(state, len(batch[0]), device, emit)


def _gradients(
    state: TrainingState, batch: Batch, plan: Plan, device: Device, loss_of: LossOf
) -> float:
    state.optimiser.zero_grad()
    place, count, total = device.torch_device, len(batch[0]), 0.0
    parts = (tensor.chunk(state.parts) for tensor in batch)
    for images, targets in zip(*parts, strict=True):
        with device.autocast():
            logits = state.network(images.to(place))
        loss = loss_of(logits, targets.to(place), plan) * (len(images) / count)
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.item())
    return total


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _MEMORY_WORDS)


def _use_more_parts(state: TrainingState, count: int, device: Device, emit: Emit) -> None:
    state.optimiser.zero_grad()
    if device.torch_device.type == "cuda":
        with contextlib.suppress(RuntimeError):
            torch.cuda.empty_cache()
    if state.parts >= count:
        raise LearningError(
            "out_of_memory",
            "Memory runs out with a single image. Use a smaller grid or network, or train fewer"
            " members at once on this machine.",
        )
    state.parts = min(2 * state.parts, count)
    size = math.ceil(count / state.parts)
    emit(
        "smaller_batch",
        step=state.step,
        parts=state.parts,
        message=f"Memory ran out: batches are computed {size} images at a time from step"
        f" {state.step} on. The weights can differ from those of a machine with more memory.",
    )


def _leave_out(state: TrainingState, plan: Plan, emit: Emit) -> None:
    state.optimiser.zero_grad()
    state.left_out += 1
    state.in_a_row += 1
    # The forward pass has moved the batch statistics already, perhaps to NaN.
    for name, value in state.network.named_buffers():
        if name in state.averaged:
            value.copy_(state.averaged[name])
    emit("step_left_out", step=state.step, in_a_row=state.in_a_row)
    if state.in_a_row >= plan.patience:
        raise LearningError(
            "not_finite",
            f"Training came to a halt at step {state.step}: {state.in_a_row} steps in a row had no"
            " finite loss or gradient. Lower learning_rate, set precision to float32, or lower"
            " clip_norm.",
        )


@torch.no_grad()
def _move_average(state: TrainingState, plan: Plan) -> None:
    # Young averages forget fast, or the random start would weigh for hundreds of steps.
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
