"""MA-Net (Fan and others, IEEE Access 2020)."""

from __future__ import annotations

import segmentation_models_pytorch as smp
from torch import nn

from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.architectures.registry import register_body
from mlloop.networks.encoders.building import library_name
from mlloop.networks.network import count_planes


@register_body("manet")
def build_manet(plan: NetworkPlan) -> nn.Module:
    """Build the body with fresh weights."""
    body: nn.Module = smp.MAnet(
        library_name(plan.encoder),
        encoder_depth=plan.depth,
        encoder_weights=None,
        in_channels=count_planes(plan),
        decoder_channels=plan.decoder_channels,
        classes=plan.patch**2,
    )
    return body
