"""The functions that build the architectures. Each module here registers its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from mlloop.contract.architectures import Decoder
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.network import Network, SegmentationNetwork

Builder = Callable[[NetworkPlan, int], Network]  # of the network's plan and the grid
BodyBuilder = Callable[[NetworkPlan], nn.Module]
_builders: dict[Decoder, Builder] = {}
BUILDERS: Mapping[Decoder, Builder] = MappingProxyType(_builders)


def register(name: Decoder) -> Callable[[Builder], Builder]:
    """Register the decorated function as the builder of the architecture `name`.

    The function draws fresh weights from torch's random state.
    """

    def add(build: Builder) -> Builder:
        _builders[name] = build
        return build

    return add


def register_body(name: Decoder) -> Callable[[BodyBuilder], BodyBuilder]:
    """Register the decorated function as the builder of the body of a segmentation network.

    The body has a submodule `encoder`, takes the planes of `count_planes` and returns the logits
    `(N, patch^2, height, width)` of the pixels in each patch.
    """

    def add(build_body: BodyBuilder) -> BodyBuilder:
        def build(plan: NetworkPlan, _grid: int) -> Network:
            body = build_body(plan)
            return SegmentationNetwork(body, plan.patch, is_encoder_frozen=plan.encoder_frozen)

        _builders[name] = build
        return build_body

    return add
