"""Encoders by SMP or timm name, each checked to halve the image exactly at every stage."""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from torch import nn

from mlloop.contract.errors import LearningError
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.encoders.inception import ExactInception

_INCEPTION = "inception_v3"
smp.encoders.encoders[_INCEPTION] = {
    "encoder": ExactInception,
    "params": {},
    "pretrained_settings": {},
}


def library_name(encoder: str) -> str:
    """Return the name SMP knows; timm's own Inception-v3 cuts its borders and is replaced."""
    return _INCEPTION if encoder == f"tu-{_INCEPTION}" else encoder


def colour_encoder(name: str, depth: int) -> nn.Module:
    """Build an encoder for three colours with fresh weights."""
    encoder: nn.Module = smp.encoders.get_encoder(library_name(name), depth=depth)
    return encoder


def downloaded_encoder(plan: NetworkPlan) -> nn.Module:
    """Fetch an encoder for colour pictures with ImageNet weights, or raise LearningError.

    The loaders of SMP and timm read safetensors, or tensors alone out of anything else.
    """
    name = library_name(plan.encoder)
    try:
        if name == _INCEPTION:
            return ExactInception(plan.depth, 32, pretrained=True)
        weights = True if name.startswith("tu-") else "imagenet"
        encoder: nn.Module = smp.encoders.get_encoder(name, depth=plan.depth, weights=weights)
    except Exception as error:  # each hub and each network failure has its own class
        raise LearningError(
            "no_imagenet_weights",
            f"The ImageNet weights of {plan.encoder} cannot be fetched on this machine"
            f" ({type(error).__name__}). Fetch them elsewhere, bring them into a .safetensors file"
            " with `python -m mlloop convert-weights`, and give encoder_weights as file:PATH.",
        ) from error
    return encoder


@torch.no_grad()
def require_exact(encoder: nn.Module, name: str, *, planes: int, depth: int) -> None:
    """Raise LearningError unless feature n of a small image is exactly its size / 2^n."""
    side = 2 ** (depth + 2)
    was_training = encoder.training
    features = encoder.eval()(torch.zeros(1, planes, side, side))
    encoder.train(was_training)
    found = [feature.shape[-1] for feature in features]
    if found != [side // 2**n for n in range(depth + 1)]:
        raise LearningError(
            "inexact_encoder",
            f"The encoder {name} makes features {found} wide of an image {side} wide. Every stage"
            " must halve the image exactly, or masks come out displaced: choose another encoder.",
        )
