"""Build encoders by their name in SMP or timm, and check that each stage halves the image."""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from torch import nn

import mlloop.networks.encoders.inception  # noqa: F401  # importing it registers it
from mlloop.contract.errors import LearningError
from mlloop.networks.encoders.registry import REPLACEMENTS

_COLOURS = 3


def library_name(encoder: str) -> str:
    """Return the name of an encoder in SMP. Our replacements of timm encoders have no prefix."""
    name = encoder.removeprefix("tu-")
    return name if name in REPLACEMENTS else encoder


def build_encoder(name: str, *, planes: int, depth: int) -> nn.Module:
    """Build an encoder of `depth` stages for `planes` input planes, with fresh weights."""
    encoder: nn.Module = smp.encoders.get_encoder(
        library_name(name), in_channels=planes, depth=depth
    )
    return encoder


def build_colour_encoder(name: str, depth: int) -> nn.Module:
    """Build an encoder for three colours with fresh weights."""
    return build_encoder(name, planes=_COLOURS, depth=depth)


def download_encoder(encoder: str, depth: int) -> nn.Module:
    """Return an encoder for three colours with ImageNet weights, or raise LearningError.

    The loaders of SMP and timm read safetensors. From other files they read tensors only.
    """
    name = library_name(encoder)
    try:
        if name in REPLACEMENTS:
            return REPLACEMENTS[name](depth=depth, output_stride=32, pretrained=True)
        weights = True if name.startswith("tu-") else "imagenet"
        downloaded: nn.Module = smp.encoders.get_encoder(name, depth=depth, weights=weights)
    except Exception as error:  # each hub and each network failure has its own class
        raise LearningError(
            "no_imagenet_weights",
            f"The ImageNet weights of {encoder} cannot be fetched on this machine"
            f" ({type(error).__name__}). Fetch them elsewhere, convert them to a .safetensors file"
            " with `python -m mlloop convert-weights`, and give encoder_weights as file:PATH.",
        ) from error
    return downloaded


def depth_of(encoder: nn.Module) -> int:
    """Return the number of stages that an encoder was built with."""
    # SMP has no public name for it, and `out_channels` counts differently for encoders like VGG.
    depth: int = encoder._depth  # type: ignore[assignment]
    return depth


@torch.no_grad()
def require_halving(encoder: nn.Module, name: str, *, planes: int, depth: int) -> None:
    """Raise LearningError unless the side of feature n is exactly the side of the image / 2^n."""
    side = 2 ** (depth + 2)
    was_training = encoder.training
    features = encoder.eval()(torch.zeros(1, planes, side, side))
    encoder.train(was_training)
    widths = [feature.shape[-1] for feature in features]
    if widths != [side // 2**n for n in range(depth + 1)]:
        raise LearningError(
            "inexact_encoder",
            f"The encoder {name} makes features {widths} wide of an image {side} wide. Every stage"
            " must halve the image exactly, or masks are displaced: choose another encoder.",
        )
