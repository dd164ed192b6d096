"""The segmentation networks, their weights on disk, and what goes into them.

Weights are safetensors, checked by hash; nothing is unpickled and nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlloop.devices import Device
from mlloop.errors import LearningError
from mlloop.manifest import MemberRef, NetworkPlan, Plan
from mlloop.records import write_bytes

_COORDINATES = 2  # channels that say where a pixel lies


class SegmentationNetwork(nn.Module):
    """A radiograph `(N, 1, grid, grid)` in 0..1 to infection logits of the same shape."""

    def __init__(self, body: nn.Module, patch: int) -> None:
        super().__init__()
        self.body = body
        self.patch = patch

    def forward(self, image: Tensor) -> Tensor:
        """Add the two coordinate planes, so that a small network knows left from right."""
        pixels = F.pixel_unshuffle((image - 0.5) * 4, self.patch)
        n, _, height, width = pixels.shape
        y = torch.linspace(-1, 1, height, device=image.device)[:, None].expand(n, 1, height, width)
        x = torch.linspace(-1, 1, width, device=image.device).expand(n, 1, height, width)
        planes = torch.cat([pixels, y, x], dim=1)
        logits: Tensor = self.body(planes.contiguous(memory_format=torch.channels_last))
        return F.pixel_shuffle(logits.float(), self.patch)


def build_network(plan: NetworkPlan) -> SegmentationNetwork:
    """Build a network with fresh weights, drawn from torch's current random state."""
    try:
        body = _body(plan)
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).strip("'\"").splitlines()[0]
        raise LearningError(
            "unknown_network", f"The network {plan.key} cannot be built: {reason}"
        ) from error
    if plan.encoder_weights is not None:
        _load_encoder(body, plan)
    return SegmentationNetwork(body, plan.patch).to(memory_format=torch.channels_last)


def _body(plan: NetworkPlan) -> nn.Module:
    pixels = plan.patch**2
    shared = {"encoder_weights": None, "in_channels": pixels + _COORDINATES, "classes": pixels}
    if plan.decoder == "linknet":
        linknet: nn.Module = smp.Linknet(plan.encoder, encoder_depth=plan.depth, **shared)
        return linknet
    families = {"unet": smp.Unet, "unetplusplus": smp.UnetPlusPlus, "manet": smp.MAnet}
    unet: nn.Module = families[plan.decoder](
        plan.encoder, encoder_depth=plan.depth, decoder_channels=plan.decoder_channels, **shared
    )
    return unet


def _load_encoder(body: nn.Module, plan: NetworkPlan) -> None:
    path = Path(plan.encoder_weights or "")
    if path.suffix != ".safetensors" or not path.is_file():
        raise LearningError(
            "no_encoder_weights",
            f"The encoder weights {path.name} are not there. Nothing is downloaded here: put the"
            " weights of this encoder into a .safetensors file and give its path in the plan.",
        )
    encoder = body.get_submodule("encoder")
    try:
        encoder.load_state_dict(safetensors.torch.load(path.read_bytes()))
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise LearningError(
            "wrong_encoder_weights",
            f"The encoder weights {path.name} do not fit {plan.encoder} with"
            f" {plan.patch**2 + _COORDINATES} input channels.",
        ) from error


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors as safetensors by atomic rename; return the sha256 of the file."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(plain)
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file."""
    return dict(safetensors.torch.load(path.read_bytes()))


def load_trained(path: Path, sha256: str, name: str) -> dict[str, Tensor]:
    """Read the weights of `name`, or refuse them where they are not the ones recorded."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LearningError("no_weights", f"The weights of {name} cannot be read.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise LearningError("weights_changed", f"The weights of {name} are not the trained ones.")
    return dict(safetensors.torch.load(data))


def load_member(member: MemberRef, plan: Plan, device: Device) -> SegmentationNetwork:
    """Load a trained member for inference, or refuse weights that are not the ones recorded."""
    name = f"{member.network}, fold {member.fold}"
    tensors = load_trained(Path(member.weights_path), member.weights_sha256, name)
    network = build_network(plan.network(member.network))
    network.load_state_dict(tensors)
    return network.to(device.torch_device).eval()


@torch.inference_mode()
def predict(network: SegmentationNetwork, images: Tensor, plan: Plan, device: Device) -> Tensor:
    """Return infection probabilities `(N, grid, grid) float32` on the CPU."""
    images = images.to(device.torch_device)
    with device.autocast():
        probability = network(images).sigmoid()
        if plan.flip_test:
            probability = (probability + network(images.flip(3)).sigmoid().flip(3)) / 2
    cpu: Tensor = probability[:, 0].float().cpu()
    return cpu
