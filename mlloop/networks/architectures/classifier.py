"""A classifier of covid, with the encoder of a segmentation network, as in the paper.

Its submodule `features` outputs the last stage of the encoder, from which Grad-CAM makes maps.
"""

from __future__ import annotations

from torch import Tensor, nn

from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.architectures.registry import register
from mlloop.networks.encoders.building import build_encoder
from mlloop.networks.network import Network, add_coordinates, count_planes

_LEAST_PLACES = 7  # places on a side of the paper's maps: 224 px after five halvings


class Classifier(Network):
    """Maps a radiograph `(N, 1, grid, grid)` in 0..1 to the logit of covid `(N, 1)`."""

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.features = nn.Identity()
        self.head = nn.Linear(channels, 1)

    def get_encoder(self) -> nn.Module:
        """Return the encoder."""
        return self.encoder

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits: a linear layer on the mean of the last stage over all places."""
        last = self.features(self.encoder(add_coordinates(image, patch=1))[-1])
        logits: Tensor = self.head(last.float().mean((2, 3)))
        return logits


@register("classifier")
def build_classifier(plan: NetworkPlan, grid: int) -> Network:
    """Build a classifier with fresh weights."""
    encoder = build_encoder(plan.encoder, planes=count_planes(plan), depth=classifier_depth(grid))
    channels: int = encoder.out_channels[-1]  # type: ignore[index, assignment]
    return Classifier(encoder, channels)


def classifier_depth(grid: int) -> int:
    """Return the most encoder stages, 3 to 5, whose maps have at least 7 places on a side.

    Five stages on a small grid would give Grad-CAM maps of four places or fewer on a side, which
    would not be a fair comparison.
    """
    return max([depth for depth in (4, 5) if grid / 2**depth >= _LEAST_PLACES], default=3)
