"""The aggregation decoder of deep layer aggregation (Yu and others, CVPR 2018) over any encoder.

Iterative deep aggregation: starting with the deepest stage, each shallower stage is merged with
all deeper ones, so the finest stages are merged last and most often.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.architectures.registry import register_body
from mlloop.networks.encoders.building import build_encoder
from mlloop.networks.network import count_planes


@register_body("dla")
def build_dla(plan: NetworkPlan) -> nn.Module:
    """Build the body with fresh weights."""
    encoder = build_encoder(plan.encoder, planes=count_planes(plan), depth=plan.depth)
    return AggregationNetwork(encoder, plan.decoder_channels, plan.patch**2)


class AggregationNetwork(nn.Module):
    """An encoder with features from shallow to deep, and a decoder that merges them to logits."""

    def __init__(self, encoder: nn.Module, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        channels: list[int] = list(encoder.out_channels)[1:]  # type: ignore[arg-type]
        self.decoder = AggregationDecoder(channels, widths[::-1])
        self.segmentation_head = nn.Conv2d(self.decoder.width, classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits `(N, classes, H, W)` for `(N, C, H, W)`."""
        merged = self.decoder(self.encoder(image)[1:])
        full = F.interpolate(merged, image.shape[2:], mode="bilinear")
        logits: Tensor = self.segmentation_head(full)
        return logits


class AggregationDecoder(nn.Module):
    """Merges stages in pairs until a single map remains at the finest resolution.

    `channels` and `widths` go from shallow to deep. Each stage is first reduced to its width, so
    the cost does not grow with the encoder. A stage without channels is left out: SMP adds such a
    stage to encoders that start at a quarter of the image.
    """

    def __init__(self, channels: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.used = [i for i, count in enumerate(channels) if count]
        kept = [widths[i] for i in self.used]
        self.width = kept[0]
        self.enter = nn.ModuleList(_unit(channels[i], widths[i], 1) for i in self.used)
        last = len(kept) - 1
        self.steps = nn.ModuleList(_Step(kept[s + 1], kept[s], last - s) for s in range(last))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return the aggregate `(N, width, h, w)` at the size of the shallowest stage."""
        stages = [enter(features[i]) for i, enter in zip(self.used, self.enter, strict=True)]
        chain = [stages.pop()]
        for step in list(self.steps)[::-1]:
            chain = step(stages.pop(), chain)
        merged: Tensor = chain[-1]
        return merged


class _Step(nn.Module):
    """Resizes `count` deeper stages to the size of one stage, and merges them into it in turn."""

    def __init__(self, before: int, width: int, count: int) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(_unit(before, width, 1) for _ in range(count))
        self.merge = nn.ModuleList(_unit(width, width, 3) for _ in range(count))

    def forward(self, fine: Tensor, deeper: list[Tensor]) -> list[Tensor]:
        chain = [fine]
        for x, narrow, merge in zip(deeper, self.narrow, self.merge, strict=True):
            raised = F.interpolate(narrow(x), fine.shape[2:], mode="bilinear")
            chain.append(merge(raised + chain[-1]))
        return chain


def _unit(before: int, after: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, width, padding=width // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )
