"""The plan of one network: its architecture, its label and the weights that it starts from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlloop.contract.architectures import ARCHITECTURES, Decoder, LabelKey
from mlloop.contract.checks import NAME, require

MAX_STEPS = 10**7
COORDINATES = 2  # input channels that hold the row and the column of each pixel
IMAGENET = "imagenet"  # in `encoder_weights`: a download, if the machine's owner allows it
_ENCODER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """One network of the ensemble.

    `encoder_weights` is None, `imagenet` (downloaded, if the operator allows it) or `file:PATH`, a
    safetensors file on the worker. A frozen encoder keeps its weights and its batch statistics.

    With `patch` 2 the network sees a quarter of the positions, each with four pixels as channels.
    This needs a quarter of the arithmetic and still gives one probability per pixel.

    The decoder `classifier` goes with the label `activation`. It learns whether a film shows
    covid, not where. Its maps are Grad-CAM. The grid sets its number of stages.
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
        # timm would take a folder or a hub address too, and load a network from there.
        is_name = bool(_ENCODER.fullmatch(self.encoder))
        require(is_name, "encoder", "a name of letters, digits, ., - and _ is needed.")
        self._check_architecture()
        steps = 1 if self.steps is None else self.steps
        require(1 <= steps <= MAX_STEPS, "steps", f"1 to {MAX_STEPS} are possible.")
        self._check_encoder_weights()

    def _check_architecture(self) -> None:
        name, allowed = self.decoder, ARCHITECTURES[self.decoder]
        labels = " and ".join(allowed.labels)
        require(self.label in allowed.labels, "label", f"a {name} learns {labels} only.")
        if allowed.stages is None:
            require(not self.decoder_channels, "decoder_channels", f"a {name} has none.")
        else:
            self._check_channels(*allowed.stages)
        largest = allowed.largest_patch
        if largest == 1:
            require(self.patch == 1, "patch", f"a {name} takes single pixels: 1 is needed.")
        require(1 <= self.patch <= largest, "patch", f"a patch is 1 to {largest} pixels wide.")
        is_allowed = allowed.can_freeze_encoder or not self.encoder_frozen
        require(is_allowed, "encoder_frozen", f"the encoder of a {name} cannot be frozen.")

    def _check_channels(self, fewest: int, most: int) -> None:
        channels = self.decoder_channels
        in_range = fewest <= len(channels) <= most
        require(in_range, "decoder_channels", f"{fewest} to {most} stages are needed.")
        in_range = min(channels) >= 1 and max(channels) <= 4096
        require(in_range, "decoder_channels", "every stage needs 1 to 4096 channels.")

    def _check_encoder_weights(self) -> None:
        weights = self.encoder_weights
        require(
            weights in (None, IMAGENET) or str(weights).endswith(".safetensors"),
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
        """The number of encoder stages. The decoder has the same number."""
        return len(self.decoder_channels)

    @property
    def stride(self) -> int:
        """The width, in pixels, of one position of the deepest stage."""
        return int(self.patch * 2**self.depth)
