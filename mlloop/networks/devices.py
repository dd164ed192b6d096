"""Choose the device, the number type and the thread count, so that results repeat.

No other file asks for the hardware.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import Literal

import torch

from mlloop.contract.errors import LearningError
from mlloop.contract.plan import Plan

DeviceChoice = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]
# The computing thread waits at most this long for a thread that reads or writes. Python's default
# of 5 ms is as long as a whole forward pass of a small network.
_SWITCH_SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class Device:
    """A prepared device. `precision` is the number type of the forward pass."""

    torch_device: torch.device
    precision: Precision

    @property
    def reading_threads(self) -> int:
        """How many threads read files during computation. With a GPU the processor is idle."""
        return 4 if self.torch_device.type == "cuda" else 1

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return a context that runs the forward pass in `precision`. Weights stay float32."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)


def prepare_device(plan: Plan, *, choice: DeviceChoice = "auto") -> Device:
    """Return the chosen device. Set the thread count and the switch interval of this process.

    Results repeat bit for bit on one machine only at the same thread count. The count is therefore
    taken from the plan, not from the machine. Raises LearningError if CUDA is chosen but missing.
    """
    has_cuda = torch.cuda.is_available()
    if choice == "cuda" and not has_cuda:
        raise LearningError("no_cuda", "A GPU was requested, but torch finds none on this machine.")
    torch.set_num_threads(plan.threads)
    sys.setswitchinterval(_SWITCH_SECONDS)
    torch.backends.cudnn.benchmark = False
    on_gpu = has_cuda and choice != "cpu"
    device = torch.device("cuda" if on_gpu else "cpu")
    return Device(device, _choose_precision(plan, on_gpu=on_gpu))


def _choose_precision(plan: Plan, *, on_gpu: bool) -> Precision:
    if plan.precision != "auto":
        return plan.precision
    # A CPU without bfloat16 matrix instructions emulates it, which is slower than float32.
    fast = torch.cuda.is_bf16_supported() if on_gpu else torch.cpu._is_amx_tile_supported()
    return "bfloat16" if fast else "float32"
