"""Where the arithmetic runs: device, number type, thread count and repeatability.

Nothing else in the project asks what hardware there is.
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
# Between two operations the thread that computes waits this long for one that reads or writes;
# Python's own 5 ms are as long as a small network's whole pass.
_SWITCH_SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class Device:
    """A prepared device. `precision` is the number type of the forward pass."""

    torch_device: torch.device
    precision: Precision

    @property
    def reading_threads(self) -> int:
        """How many threads read files while it computes; beside a GPU the processor is idle."""
        return 4 if self.torch_device.type == "cuda" else 1

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Run the forward pass in this device's number type; weights stay float32."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)


def prepare_device(plan: Plan, *, choice: DeviceChoice = "auto") -> Device:
    """Set the plan's thread count and how soon threads take turns; choose the device.

    Results repeat bit for bit on one machine at one thread count, so the count is the plan's and
    never the machine's.
    """
    has_cuda = torch.cuda.is_available()
    if choice == "cuda" and not has_cuda:
        raise LearningError("no_cuda", "A GPU was asked for, but torch finds none here.")
    torch.set_num_threads(plan.threads)
    sys.setswitchinterval(_SWITCH_SECONDS)
    torch.backends.cudnn.benchmark = False
    on_gpu = has_cuda and choice != "cpu"
    device = torch.device("cuda" if on_gpu else "cpu")
    return Device(device, _choose_precision(plan, on_gpu=on_gpu))


def _choose_precision(plan: Plan, *, on_gpu: bool) -> Precision:
    if plan.precision != "auto":
        return plan.precision
    # Without matrix instructions for it, bfloat16 on a CPU is emulated and slower than float32.
    fast = torch.cuda.is_bf16_supported() if on_gpu else torch.cpu._is_amx_tile_supported()
    return "bfloat16" if fast else "float32"
