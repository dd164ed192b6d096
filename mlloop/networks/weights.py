"""Weights on disk and at the start of a training: safetensors, checked by hash, never unpickled.

Owns how weights for colour pictures fit a network that sees one grey plane and two coordinates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from mlloop.contract.errors import LearningError
from mlloop.contract.network_plan import COORDINATES, NetworkPlan
from mlloop.contract.records import write_bytes
from mlloop.networks.encoders.building import depth_of, download_encoder

Tensors = dict[str, Tensor]
_COLOURS = 3


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors as safetensors by atomic rename; return the sha256 of the file."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(plain)
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def load_tensors(path: Path) -> Tensors:
    """Read a safetensors file."""
    return dict(safetensors.torch.load(path.read_bytes()))


def read_trained_weights(path: Path, sha256: str, name: str) -> Tensors:
    """Read the weights of `name`, or refuse them where they are not the ones recorded."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LearningError("no_weights", f"The weights of {name} cannot be read.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise LearningError("weights_changed", f"The weights of {name} are not the trained ones.")
    return dict(safetensors.torch.load(data))


def load_initial_weights(encoder: nn.Module, plan: NetworkPlan) -> None:
    """Give an encoder the initial weights that the plan names, or raise LearningError.

    A first convolution for colours is adapted: what it does with a grey film is kept.
    """
    if plan.encoder_weights is None:
        return
    depth = depth_of(encoder)
    if plan.encoder_weights == "imagenet":
        tensors, source = download_encoder(plan.encoder, depth).state_dict(), "imagenet"
    else:
        path = Path(plan.encoder_weights.removeprefix("file:"))
        tensors, source = _read_encoder_file(path), path.name
    wanted = encoder.state_dict()
    tensors = _fit_first_layer(tensors, wanted, plan.patch**2)
    try:
        # A file for five stages also serves a plan that uses fewer of them.
        encoder.load_state_dict({name: tensors[name] for name in wanted if name in tensors})
    except RuntimeError as error:
        raise LearningError(
            "wrong_encoder_weights",
            f"The encoder weights {source} do not fit {plan.encoder}, depth {depth}, with"
            f" {_COLOURS} or {plan.patch**2 + COORDINATES} input channels."
            f" {' '.join(str(error).split())[:300]}",
        ) from error


def identify_initial_weights(plan: NetworkPlan) -> str | None:
    """Return what the initial weights were: nothing, `imagenet`, or the sha256 of the file."""
    if plan.encoder_weights in (None, "imagenet"):
        return plan.encoder_weights
    path = Path(str(plan.encoder_weights).removeprefix("file:"))
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _read_encoder_file(path: Path) -> Tensors:
    if path.suffix != ".safetensors" or not path.is_file():
        raise LearningError(
            "no_encoder_weights",
            f"The encoder weights {path.name} are not there as a .safetensors file on this"
            " machine. `python -m mlloop convert-weights` makes one from a .pth checkpoint; give"
            " its path in the plan as file:PATH.",
        )
    try:
        return load_tensors(path)
    except SafetensorError as error:
        raise LearningError(
            "wrong_encoder_weights", f"The encoder weights {path.name} are damaged: {error}."
        ) from error


def _fit_first_layer(tensors: Tensors, wanted: Mapping[str, Tensor], pixels: int) -> Tensors:
    """Turn filters for red, green and blue into filters for `pixels` grey planes + coordinates.

    A grey film is three equal colours, so a filter for grey is the sum over the colours; a patch
    shares it among its pixels. The coordinate planes begin with no weight.
    """
    fitted = dict(tensors)
    for name, value in tensors.items():
        target = wanted.get(name)
        if target is None or value.ndim != 4:
            continue
        colours = (len(value), _COLOURS, *value.shape[2:])
        planes = (len(value), pixels + COORDINATES, *value.shape[2:])
        if value.shape == colours and target.shape == planes:
            grey = value.sum(1, keepdim=True) / pixels
            fitted[name] = torch.zeros_like(target)
            fitted[name][:, :pixels] = grey
            return fitted
    return fitted
