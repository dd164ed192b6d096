"""A classifier, covid or not, with the encoder of a segmentation network: the paper's rival.

`features` holds the places of the encoder's last stage, which Grad-CAM weighs.
"""

from __future__ import annotations

from torch import Tensor, nn

from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.architectures.registry import register
from mlloop.networks.encoders.building import build_encoder
from mlloop.networks.network import Network, add_coordinates, count_planes

_LEAST_PLACES = 7  # a side of the paper's maps: 224 px through five halvings


class Classifier(Network):
    """A radiograph `(N, 1, grid, grid)` in 0..1 to the logit of covid `(N, 1)`."""

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.features = nn.Identity()
        self.head = nn.Linear(channels, 1)

    def get_encoder(self) -> nn.Module:
        """Return the encoder."""
        return self.encoder

    def forward(self, image: Tensor) -> Tensor:
        """Average the last stage over all places and weigh its channels."""
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
    """Return the encoder stages, 3 to 5, that leave maps of at least 7 places a side.

    All five stages would leave Grad-CAM four places or fewer of a small grid: no fair rival.
    """
    return max([depth for depth in (4, 5) if grid / 2**depth >= _LEAST_PLACES], default=3)
