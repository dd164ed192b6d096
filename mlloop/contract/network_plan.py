"""The plan of one network: its architecture, its label and the weights that it starts from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mlloop.contract.checks import NAME, PlanError, require

Decoder = Literal["unet", "unetplusplus", "linknet", "manet", "dla", "classifier"]
LabelKey = Literal["infection", "lung", "activation"]
COORDINATES = 2  # input channels that say where a pixel lies
_ENCODER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """One network of the ensemble.

    `encoder_weights` is None, `imagenet` (downloaded from the hub) or `file:PATH`, a safetensors
    file on the worker. A frozen encoder keeps its weights and its batch statistics.

    With `patch` 2 the network sees a quarter of the positions, each with four pixels as channels.
    This needs a quarter of the arithmetic and still gives one probability per pixel.

    The decoder `classifier` goes with the label `activation`. It learns whether a film shows
    covid, not where, and its maps are Grad-CAM. The grid sets its number of stages.
    """

    key: str
    decoder: Decoder
    encoder: str
    decoder_channels: tuple[int, ...] = ()
    encoder_weights: str | None = None
    patch: int = 1
    encoder_frozen: bool = False
    label: LabelKey = "infection"
    steps: int | None = None  # None: the steps of the plan

    def __post_init__(self) -> None:
        require(bool(NAME.fullmatch(self.key)), "key", "use letters, digits, - and _ only.")
        require(self.key != "ensemble", "key", "this name is reserved for all networks together.")
        # timm would read a folder or a hub's address as a name.
        is_name = bool(_ENCODER.fullmatch(self.encoder))
        require(is_name, "encoder", "a name of letters, digits, ., - and _ is needed.")
        require(1 <= self.patch <= 4, "patch", "a patch is 1 to 4 pixels wide.")
        if (self.decoder == "classifier") != (self.label == "activation"):
            raise PlanError(
                "label", "the label activation and the decoder classifier go together only."
            )
        if self.decoder == "classifier":
            self._check_classifier()
        else:
            self._check_channels()
        require(self.steps is None or self.steps >= 1, "steps", "at least 1 is needed.")
        self._check_encoder_weights()

    def _check_channels(self) -> None:
        channels = self.decoder_channels
        require(3 <= len(channels) <= 5, "decoder_channels", "3 to 5 stages are needed.")
        in_range = min(channels) >= 1 and max(channels) <= 4096
        require(in_range, "decoder_channels", "every stage needs 1 to 4096 channels.")

    def _check_classifier(self) -> None:
        require(not self.decoder_channels, "decoder_channels", "a classifier has none.")
        require(self.patch == 1, "patch", "a classifier sees every pixel: 1 is needed.")
        require(not self.encoder_frozen, "encoder_frozen", "a classifier learns as a whole.")

    def _check_encoder_weights(self) -> None:
        weights = self.encoder_weights
        require(
            weights in (None, "imagenet") or str(weights).endswith(".safetensors"),
            "encoder_weights",
            "null, imagenet or file:PATH of a .safetensors file is needed. `python -m mlloop"
            " convert-weights` makes one from a .pth checkpoint.",
        )
        require(
            weights is not None or not self.encoder_frozen,
            "encoder_frozen",
            "a frozen encoder does not learn, so it needs encoder_weights.",
        )

    @property
    def depth(self) -> int:
        """The number of encoder stages. The decoder has as many."""
        return len(self.decoder_channels)

    @property
    def stride(self) -> int:
        """The width, in pixels, of one position of the deepest stage."""
        return int(self.patch * 2**self.depth)
