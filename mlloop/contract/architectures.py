"""The limits that a plan must keep for each architecture and each label. No torch.

Each name here has a module in `mlloop/networks/architectures/`, which builds it; a test compares
the two. Add a name here and a module there to add an architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Decoder = Literal["unet", "unetplusplus", "linknet", "manet", "dla", "classifier"]
LabelKey = Literal["infection", "lung", "activation"]
TaskName = Literal["segmentation", "classification"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """The limits of one architecture, and the task that it learns."""

    task: TaskName
    labels: tuple[LabelKey, ...]
    stages: tuple[int, int] | None  # fewest and most `decoder_channels`; None: not allowed
    largest_patch: int
    can_freeze_encoder: bool


_MASKS = Architecture(
    task="segmentation",
    labels=("infection", "lung"),
    stages=(3, 5),
    largest_patch=4,
    can_freeze_encoder=True,
)
ARCHITECTURES: Mapping[Decoder, Architecture] = MappingProxyType(
    {
        "unet": _MASKS,
        "unetplusplus": _MASKS,
        "linknet": _MASKS,
        "manet": _MASKS,
        "dla": _MASKS,
        "classifier": Architecture(
            task="classification",
            labels=("activation",),
            stages=None,  # the grid sets their number
            largest_patch=1,
            can_freeze_encoder=False,
        ),
    }
)
