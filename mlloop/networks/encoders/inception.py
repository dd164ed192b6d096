"""Inception-v3 as an encoder whose stage n has exactly the size of the image / 2^n.

The network of the paper cuts its borders ("valid" convolutions), so its stages are 2 to 6 pixels
too small. A skip connection would join places that do not match. Here each cut layer is padded.
"""

from __future__ import annotations

import itertools

import timm
import torch.nn.functional as F
from segmentation_models_pytorch.encoders._base import EncoderMixin
from torch import Tensor, nn

from mlloop.networks.encoders.registry import replace_encoder

_CHANNELS = (64, 192, 288, 768, 2048)
# A stage is a list of (layer, padding before it): left, right, top, bottom.
_AROUND = (1, 1, 1, 1)
_AFTER = (0, 1, 0, 1)  # 3 pixels wide in steps of 2: an even side needs one more pixel
_NONE = (0, 0, 0, 0)
_STAGES: tuple[tuple[tuple[str, tuple[int, int, int, int]], ...], ...] = (
    (("Conv2d_1a_3x3", _AFTER), ("Conv2d_2a_3x3", _AROUND), ("Conv2d_2b_3x3", _NONE)),
    (("Pool1", _AFTER), ("Conv2d_3b_1x1", _NONE), ("Conv2d_4a_3x3", _AROUND)),
    (("Pool2", _AFTER), *((f"Mixed_5{block}", _NONE) for block in "bcd")),
    (("Mixed_6a", _AFTER), *((f"Mixed_6{block}", _NONE) for block in "bcde")),
    (("Mixed_7a", _AFTER), *((f"Mixed_7{block}", _NONE) for block in "bc")),
)


@replace_encoder("inception_v3")
class ExactInception(nn.Module, EncoderMixin):  # type: ignore[misc]  # SMP ships no types
    """Five stages of timm's Inception-v3; its weights fit, its classifier is left out."""

    def __init__(self, depth: int, output_stride: int, pretrained: bool = False) -> None:
        super().__init__()
        self._depth, self._in_channels, self._output_stride = depth, 3, output_stride
        self._out_channels = [3, *_CHANNELS]
        whole = timm.create_model("inception_v3", pretrained=pretrained, aux_logits=False)
        for name, _ in itertools.chain(*_STAGES[:depth]):
            self.add_module(name, whole.get_submodule(name))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the image `(N, C, H, W)` and `depth` features; feature n is `H/2^n x W/2^n`."""
        features = [image]
        for stage in _STAGES[: self._depth]:
            x = features[-1]
            for name, padding in stage:
                x = self.get_submodule(name)(F.pad(x, padding) if any(padding) else x)
            features.append(x)
        return features
