"""The base classes of all networks, and the input planes of their encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlloop.contract.network_plan import COORDINATES, NetworkPlan


class Network(nn.Module, ABC):
    """Maps a radiograph `(N, 1, grid, grid)` in 0..1 to logits. It has an encoder."""

    @abstractmethod
    def get_encoder(self) -> nn.Module:
        """Return the part that takes initial weights."""


class SegmentationNetwork(Network):
    """Maps a radiograph `(N, 1, grid, grid)` in 0..1 to logits of a mask of the same shape."""

    def __init__(self, body: nn.Module, patch: int, *, is_encoder_frozen: bool = False) -> None:
        super().__init__()
        self.body = body
        self.patch = patch
        self.is_encoder_frozen = is_encoder_frozen
        if is_encoder_frozen:
            self.get_encoder().requires_grad_(False)

    def get_encoder(self) -> nn.Module:
        """Return the encoder inside the body."""
        return self.body.get_submodule("encoder")

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode. A frozen encoder also keeps its batch statistics."""
        super().train(mode)
        if self.is_encoder_frozen:
            self.get_encoder().eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits `(N, 1, grid, grid)`, one for each pixel of each patch."""
        planes = add_coordinates(image, self.patch)
        logits: Tensor = self.body(planes)
        return F.pixel_shuffle(logits.float().contiguous(), self.patch)


def add_coordinates(image: Tensor, patch: int) -> Tensor:
    """Return the input planes of an encoder: the pixels of each patch, and its coordinates.

    With the two coordinate planes a small network can distinguish left from right.
    """
    pixels = F.pixel_unshuffle((image - 0.5) * 4, patch)
    n, _, height, width = pixels.shape
    y = torch.linspace(-1, 1, height, device=image.device)[:, None].expand(n, 1, height, width)
    x = torch.linspace(-1, 1, width, device=image.device).expand(n, 1, height, width)
    planes = torch.cat([pixels, y, x], dim=1)
    return planes.contiguous(memory_format=torch.channels_last)


def count_planes(plan: NetworkPlan) -> int:
    """Return how many planes `add_coordinates` gives the encoder of this network."""
    return plan.patch**2 + COORDINATES
