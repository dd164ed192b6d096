"""Read and write weights as safetensors, and check their hashes. Nothing is unpickled.

This file also adapts weights for colour pictures to networks with grey and coordinate planes.
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
from mlloop.contract.network_plan import COORDINATES, IMAGENET, NetworkPlan
from mlloop.contract.records import write_bytes
from mlloop.networks.encoders.building import depth_of, download_encoder

Tensors = dict[str, Tensor]
DOWNLOADED_STAGES = 5
_COLOURS = 3


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors as safetensors by atomic rename; return the sha256 of the file."""
    data = _pack(tensors)
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def load_tensors(path: Path) -> Tensors:
    """Read a safetensors file, or raise SafetensorError."""
    try:
        return dict(safetensors.torch.load(path.read_bytes()))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        # The format has types that torch does not have; the library then raises these.
        raise SafetensorError(f"torch cannot read its tensors: {error}") from error


def read_trained_weights(path: Path, sha256: str, name: str) -> Tensors:
    """Return the trained weights of the member `name`.

    Raises LearningError if the file cannot be read or does not have the recorded hash.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LearningError("no_weights", f"The weights of {name} cannot be read.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise LearningError("weights_changed", f"The weights of {name} are not the trained ones.")
    return dict(safetensors.torch.load(data))


def fetch_imagenet(encoder: str) -> Tensors:
    """Download the ImageNet weights of an encoder with all its stages, or raise LearningError."""
    return dict(download_encoder(encoder, DOWNLOADED_STAGES).state_dict())


def load_initial_weights(
    encoder: nn.Module, plan: NetworkPlan, *, download_sha256: str | None = None
) -> None:
    """Give an encoder the initial weights that the plan names, or raise LearningError.

    A first convolution for colours is adapted. It gives the same result for a grey film.
    """
    if plan.encoder_weights is None:
        return
    depth = depth_of(encoder)
    if plan.encoder_weights == IMAGENET:
        tensors, source = _fetch_pinned(plan.encoder, download_sha256), IMAGENET
    else:
        path = Path(plan.encoder_weights.removeprefix("file:"))
        tensors, source = _read_encoder_file(path), path.name
    wanted = encoder.state_dict()
    tensors = _fit_first_layer(tensors, wanted, plan.patch**2)
    try:
        # A file for five stages also fits a plan with fewer stages.
        encoder.load_state_dict({name: tensors[name] for name in wanted if name in tensors})
    except RuntimeError as error:
        raise LearningError(
            "wrong_encoder_weights",
            f"The encoder weights {source} do not fit {plan.encoder}, depth {depth}, with"
            f" {_COLOURS} or {plan.patch**2 + COORDINATES} input channels."
            f" {' '.join(str(error).split())[:300]}",
        ) from error


def identify_initial_weights(plan: NetworkPlan, download_sha256: str | None) -> str | None:
    """Return which initial weights a plan uses: None, or the sha256 of the file or download."""
    if plan.encoder_weights is None:
        return None
    if plan.encoder_weights == IMAGENET:
        return download_sha256
    path = Path(str(plan.encoder_weights).removeprefix("file:"))
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _fetch_pinned(encoder: str, sha256: str | None) -> Tensors:
    """Download weights that have this hash. Without a hash, no request leaves the machine."""
    if sha256 is None:
        raise LearningError(
            "downloads_off",
            f"Training does not download weights, and this plan asks for the ImageNet weights of"
            f" {encoder}. Fetch them once with `python -m mlloop convert-weights imagenet"
            f" {encoder}.safetensors --encoder {encoder}`, and give encoder_weights as file:PATH.",
        )
    tensors = fetch_imagenet(encoder)
    found = hashlib.sha256(_pack(tensors)).hexdigest()
    if found != sha256:
        raise LearningError(
            "download_changed",
            f"The downloaded ImageNet weights of {encoder} have the sha256 {found}. The operator"
            f" expects {sha256}, so they are not used.",
        )
    return tensors


def _pack(tensors: Mapping[str, Tensor]) -> bytes:
    """Return tensors as safetensors: the same tensors give the same bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain)


def _read_encoder_file(path: Path) -> Tensors:
    if path.suffix != ".safetensors" or not path.is_file():
        raise LearningError(
            "no_encoder_weights",
            f"The encoder weights {path.name} are missing on this machine, or are no .safetensors"
            " file. `python -m mlloop convert-weights` makes one from a .pth checkpoint; give"
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

    A grey film has three equal colours, so the filter for grey is the sum over the colours. Each
    pixel of a patch gets an equal part of it. The coordinate planes start with weight 0.
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
