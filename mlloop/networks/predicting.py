"""Predict probability maps with segmentation networks, at one or several scales."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mlloop.contract.plan import Plan
from mlloop.networks.devices import Device
from mlloop.pixels.arrays import FloatArray


def fuse_batch_norms(network: nn.Module) -> None:
    """Fuse each batch norm with the convolution before it, inside every Sequential of a network.

    For inference only. The result is the same, but the network reads each decoder map once less.
    Only in a Sequential is it certain that nothing else reads the values between the two layers.
    """
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for i, (first, second) in enumerate(pairwise(block)):
                if type(first) is nn.Conv2d and type(second) is nn.BatchNorm2d:
                    block[i] = fuse_conv_bn_eval(first, second)
                    block[i + 1] = nn.Identity()


@torch.inference_mode()
def predict(network: nn.Module, images: FloatArray, plan: Plan, device: Device) -> FloatArray:
    """Return infection probabilities of network inputs, each `(N, grid, grid) float32`.

    Each map is the mean over the plan's scales and, with `flip_test`, over mirror images.
    """
    planes = torch.from_numpy(images[:, None]).to(device.torch_device)
    with device.autocast():
        views = [_predict_at_scale(network, planes, plan, scale) for scale in plan.scales]
        if plan.flip_test:
            mirrored = planes.flip(3)
            views += [
                _predict_at_scale(network, mirrored, plan, scale).flip(3) for scale in plan.scales
            ]
        mean = torch.stack(views).mean(0)
    probabilities: FloatArray = mean[:, 0].float().cpu().numpy()
    return probabilities


def _predict_at_scale(network: nn.Module, images: Tensor, plan: Plan, scale: float) -> Tensor:
    """Return probabilities at the grid, predicted on images resized by `scale`.

    The side is rounded to the nearest multiple that the network can take.
    """
    side = max(1, round(plan.grid * scale / plan.multiple)) * plan.multiple
    if side == plan.grid:
        unscaled: Tensor = network(images).sigmoid()
        return unscaled
    resized = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
    scaled = network(resized).sigmoid()
    return F.interpolate(scaled, (plan.grid, plan.grid), mode="bilinear", antialias=True)
