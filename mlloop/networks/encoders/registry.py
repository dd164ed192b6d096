"""Our replacements of timm encoders. Each module registers its encoder with SMP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

import segmentation_models_pytorch as smp
from torch import nn

E = TypeVar("E", bound=Callable[..., nn.Module])
_replacements: dict[str, Callable[..., nn.Module]] = {}
REPLACEMENTS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(_replacements)


def replace_encoder(name: str) -> Callable[[E], E]:
    """Register the decorated class as timm's encoder `name`, which SMP then builds by this name.

    The class takes `depth`, `output_stride` and `pretrained`.
    """

    def add(encoder: E) -> E:
        _replacements[name] = encoder
        smp.encoders.encoders[name] = {"encoder": encoder, "params": {}, "pretrained_settings": {}}
        return encoder

    return add
