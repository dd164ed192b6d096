"""The segmentation networks: built from a plan, loaded for inference, and what goes into them.

Every encoder stage is exactly half the one before. Trained members are built without fetching
initial weights again.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Self

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import MemberRef
from mlloop.contract.network_plan import COORDINATES, NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.networks.architectures.dla import AggregationNetwork
from mlloop.networks.devices import Device
from mlloop.networks.encoders.building import library_name, require_exact
from mlloop.networks.weights import load_initial, load_trained
from mlloop.pixels.arrays import FloatArray


class SegmentationNetwork(nn.Module):
    """A radiograph `(N, 1, grid, grid)` in 0..1 to infection logits of the same shape."""

    def __init__(self, body: nn.Module, patch: int, *, is_encoder_frozen: bool = False) -> None:
        super().__init__()
        self.body = body
        self.patch = patch
        self.is_encoder_frozen = is_encoder_frozen
        if is_encoder_frozen:
            body.get_submodule("encoder").requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Switch to training; a frozen encoder keeps its batch statistics too."""
        super().train(mode)
        if self.is_encoder_frozen:
            self.body.get_submodule("encoder").eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Add the two coordinate planes, so that a small network knows left from right."""
        planes = with_coordinates(image, self.patch)
        logits: Tensor = self.body(planes)
        return F.pixel_shuffle(logits.float().contiguous(), self.patch)


def with_coordinates(image: Tensor, patch: int) -> Tensor:
    """Return the planes that an encoder sees: the pixels of each patch, and where it lies."""
    pixels = F.pixel_unshuffle((image - 0.5) * 4, patch)
    n, _, height, width = pixels.shape
    y = torch.linspace(-1, 1, height, device=image.device)[:, None].expand(n, 1, height, width)
    x = torch.linspace(-1, 1, width, device=image.device).expand(n, 1, height, width)
    planes = torch.cat([pixels, y, x], dim=1)
    return planes.contiguous(memory_format=torch.channels_last)


def build_network(plan: NetworkPlan) -> SegmentationNetwork:
    """Build a network with fresh weights, drawn from torch's current random state.

    The encoder then takes the initial weights of the plan. Raises LearningError where the network
    is not known or its weights cannot be had.
    """
    network = untrained_network(plan)
    load_initial(network.body.get_submodule("encoder"), plan)
    return network


def untrained_network(plan: NetworkPlan) -> SegmentationNetwork:
    """Build a network of this shape without initial weights: for weights that are loaded next."""
    planes = plan.patch**2 + COORDINATES
    try:
        body = _body(plan, planes)
        encoder = body.get_submodule("encoder")
        require_exact(encoder, plan.encoder, planes=planes, depth=plan.depth)
    except (AssertionError, KeyError, RuntimeError, ValueError) as error:
        lines = str(error).strip("'\"").splitlines() or [type(error).__name__]
        raise LearningError(
            "unknown_network", f"The network {plan.key} cannot be built: {lines[0]}"
        ) from error
    network = SegmentationNetwork(body, plan.patch, is_encoder_frozen=plan.encoder_frozen)
    return network.to(memory_format=torch.channels_last)


def untrained_encoder(plan: NetworkPlan) -> tuple[nn.Module, int]:
    """Build the encoder of a network alone, or raise LearningError.

    Returned with it: the channels of its last stage.
    """
    planes = plan.patch**2 + COORDINATES
    try:
        name = library_name(plan.encoder)
        encoder = smp.encoders.get_encoder(name, in_channels=planes, depth=plan.depth)
        require_exact(encoder, plan.encoder, planes=planes, depth=plan.depth)
    except (AssertionError, KeyError, RuntimeError, ValueError) as error:
        lines = str(error).strip("'\"").splitlines() or [type(error).__name__]
        raise LearningError(
            "unknown_network", f"The encoder {plan.encoder} cannot be built: {lines[0]}"
        ) from error
    return encoder, encoder.out_channels[-1]


def _body(plan: NetworkPlan, planes: int) -> nn.Module:
    name, classes = library_name(plan.encoder), plan.patch**2
    if plan.decoder == "dla":
        encoder = smp.encoders.get_encoder(name, in_channels=planes, depth=plan.depth)
        return AggregationNetwork(encoder, plan.decoder_channels, classes)
    shared = {"encoder_weights": None, "in_channels": planes, "classes": classes}
    if plan.decoder == "linknet":
        linknet: nn.Module = smp.Linknet(name, encoder_depth=plan.depth, **shared)
        return linknet
    families = {"unet": smp.Unet, "unetplusplus": smp.UnetPlusPlus, "manet": smp.MAnet}
    unet: nn.Module = families[plan.decoder](
        name, encoder_depth=plan.depth, decoder_channels=plan.decoder_channels, **shared
    )
    return unet


def load_member(member: MemberRef, plan: Plan, device: Device) -> SegmentationNetwork:
    """Load a trained member for inference, or refuse weights that are not the ones recorded."""
    name = f"{member.network}, fold {member.fold}"
    tensors = load_trained(Path(member.weights_path), member.weights_sha256, name)
    network = untrained_network(plan.network(member.network))
    network.load_state_dict(tensors)
    network.eval()
    fold_norms(network)
    return network.to(memory_format=torch.channels_last).to(device.torch_device)


def fold_norms(network: nn.Module) -> None:
    """Put each batch norm that follows a convolution in a Sequential into its weights.

    For inference only: the same function, and a pass over every decoder map less. In a Sequential
    nothing else reads what lies between the two; elsewhere that cannot be seen.
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

    The mean over the plan's scales and, if it asks for it, mirror images.
    """
    planes = torch.from_numpy(images[:, None]).to(device.torch_device)
    with device.autocast():
        views = [_at_scale(network, planes, plan, scale) for scale in plan.scales]
        if plan.flip_test:
            mirrored = planes.flip(3)
            views += [_at_scale(network, mirrored, plan, scale).flip(3) for scale in plan.scales]
        probability = torch.stack(views).mean(0)
    found: FloatArray = probability[:, 0].float().cpu().numpy()
    return found


def _at_scale(network: nn.Module, images: Tensor, plan: Plan, scale: float) -> Tensor:
    """Return probabilities at the grid, found on the images resized to the nearest fitting side."""
    side = max(1, round(plan.grid * scale / plan.multiple)) * plan.multiple
    if side == plan.grid:
        same: Tensor = network(images).sigmoid()
        return same
    resized = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
    found = network(resized).sigmoid()
    return F.interpolate(found, (plan.grid, plan.grid), mode="bilinear", antialias=True)
