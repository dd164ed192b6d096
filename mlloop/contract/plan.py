"""The plan of a round: its networks, folds, sizes and learning settings, and their checks.

Refuses a half-valid plan with the field and the reason. It imports no torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, Self

from mlloop.contract.records import FieldError, digest, from_plain, to_plain

Decoder = Literal["unet", "unetplusplus", "linknet", "manet", "dla", "classifier"]
Initial = Literal["none", "previous"]
COORDINATES = 2  # input channels that say where a pixel lies
LabelKey = Literal["infection", "lung", "activation"]
SEVERITY_CUTOFFS = (0.01, 0.25, 0.5, 0.75)
SMALLEST_LESION = 0.0005  # of the image; what is smaller is counted, not listed
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
ENCODER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
LARGEST = MappingProxyType(
    {"steps": 10**7, "epochs": 10**5, "batch_size": 4096, "threads": 256, "patience": 10**5}
)


class PlanError(FieldError):
    """The round plan is wrong: which field, and why."""


def require(ok: bool, where: str, reason: str, error: type[FieldError] = PlanError) -> None:
    """Raise `error` for the field `where` unless `ok`."""
    if not ok:
        raise error(where, reason)


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """One network of the ensemble.

    `encoder_weights` is nothing, `imagenet` (fetched from the hub) or `file:PATH`, a safetensors
    file on the worker. A frozen encoder keeps weights and batch statistics as they were.

    With `patch` 2 the network works on a quarter of the places, each with four pixels as channels:
    a fourth of the arithmetic, and still one probability a pixel.

    The decoder `classifier` has the label `activation`: it learns whether a film is covid, never
    where, and its maps are Grad-CAM. Its stages follow from the grid.
    """

    key: str
    decoder: Decoder
    encoder: str
    decoder_channels: tuple[int, ...] = ()
    encoder_weights: str | None = None
    patch: int = 1
    encoder_frozen: bool = False
    label: LabelKey = "infection"
    steps: int | None = None  # None: as many as the plan says

    def __post_init__(self) -> None:
        require(bool(NAME.fullmatch(self.key)), "key", "letters, digits, - and _ only.")
        require(self.key != "ensemble", "key", "this name stands for all networks together.")
        # timm would take a folder or a hub's address for a name.
        named = bool(ENCODER.fullmatch(self.encoder))
        require(named, "encoder", "a name of letters, digits, ., - and _ is needed.")
        require(1 <= self.patch <= 4, "patch", "a patch is 1 to 4 pixels wide.")
        if (self.decoder == "classifier") != (self.label == "activation"):
            raise PlanError("label", "activation is what a decoder classifier has, and no other.")
        if self.decoder == "classifier":
            self._check_classifier()
        else:
            self._check_channels()
        weights = self.encoder_weights
        require(self.steps is None or self.steps >= 1, "steps", "at least 1 is needed.")
        require(
            weights in (None, "imagenet") or str(weights).endswith(".safetensors"),
            "encoder_weights",
            "null, imagenet or file:PATH of a .safetensors file is needed. `python -m mlloop"
            " convert-weights` makes one from a .pth checkpoint.",
        )
        require(
            weights is not None or not self.encoder_frozen,
            "encoder_frozen",
            "a frozen encoder never learns, so it needs encoder_weights.",
        )

    def _check_channels(self) -> None:
        channels = self.decoder_channels
        require(3 <= len(channels) <= 5, "decoder_channels", "3 to 5 stages are needed.")
        right = min(channels) >= 1 and max(channels) <= 4096
        require(right, "decoder_channels", "every stage needs 1 to 4096 channels.")

    def _check_classifier(self) -> None:
        require(not self.decoder_channels, "decoder_channels", "a classifier has none.")
        require(self.patch == 1, "patch", "a classifier sees every pixel: 1 is needed.")
        require(not self.encoder_frozen, "encoder_frozen", "a classifier learns as a whole.")

    @property
    def depth(self) -> int:
        """The number of encoder stages, which the decoder mirrors."""
        return len(self.decoder_channels)

    @property
    def stride(self) -> int:
        """The width in pixels of what the deepest stage sees as one place."""
        return int(self.patch * 2**self.depth)


@dataclass(frozen=True, slots=True)
class Augment:
    """How far a training image may be moved and re-exposed; every draw is seeded per image."""

    rotate_degrees: float = 10.0
    shift: float = 0.1
    zoom: float = 0.1
    flip: float = 0.0
    gamma: float = 0.3
    contrast: float = 0.2
    noise: float = 0.02
    shear_degrees: float = 0.0
    fill: Literal["black", "nearest"] = "black"  # what comes in over the border of the film

    def __post_init__(self) -> None:
        sizes = "rotate_degrees", "shift", "zoom", "gamma", "contrast", "noise", "shear_degrees"
        for name in sizes:
            require(getattr(self, name) >= 0, name, "it may not be negative.")
        require(0 <= self.flip <= 1, "flip", "a probability from 0 to 1 is needed.")
        require(self.zoom < 1 and self.contrast < 1, "zoom", "zoom and contrast stay below 1.")
        require(self.shear_degrees < 45, "shear_degrees", "it stays below 45.")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a round's training depends on; same plan, same cases, same bits."""

    preset: str
    networks: tuple[NetworkPlan, ...]
    folds: int
    grid: int
    steps: int
    batch_size: int
    learning_rate: float
    threads: int
    seed: int
    version: int = 1
    threshold: int = 128
    epochs: int = 10
    inner_fraction: float = 0.1
    inner_from: float = 0.6  # epochs that end in this last part of the steps compete
    positive_share: float = 0.5
    dice_weight: float = 1.0
    weight_decay: float = 0.01
    ema_decay: float = 0.98
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    flip_test: bool = False
    initial: Initial = "none"  # or the weights of the same network and fold that serve
    margin: float = 0.05  # what sealed Dice may lose against the serving round
    # What the share of sealed films without infection on which nothing is called may lose.
    control_margin: float = 0.2
    augment: Augment = field(default_factory=Augment)
    loss: Literal["bce_dice", "focal_dice"] = "bce_dice"
    focal_gamma: float = 2.0
    focal_alpha: float = 0.25
    balance_groups: bool = False  # draw images without infection equally from each group
    clip_norm: float = 1.0
    patience: int = 10  # steps in a row that may have no finite loss or gradient
    # Severity: the infected share of both lungs at which each grade after "none" begins.
    severity_cutoffs: tuple[float, ...] = SEVERITY_CUTOFFS
    # A share of the image; what is smaller is only counted.
    smallest_lesion: float = SMALLEST_LESION
    # Fitted where a round has references and out-of-fold maps to fit on; see calibration.py.
    thresholds: Literal["plan", "out_of_fold"] = "plan"
    ensemble_weights: Literal["equal", "out_of_fold"] = "equal"
    temperature: Literal["none", "out_of_fold"] = "none"
    scales: tuple[float, ...] = (1.0,)  # of the grid, averaged at test time

    def __post_init__(self) -> None:
        require(self.version == 1, "version", f"only version 1 is known, not {self.version}.")
        keys = [network.key for network in self.networks]
        require(bool(keys), "networks", "at least one network is needed.")
        require(len(set(keys)) == len(keys), "networks", "two networks have the same key.")
        require(2 <= self.folds <= 20, "folds", "2 to 20 folds are possible.")
        multiple = self.multiple
        require(
            self.grid >= multiple and self.grid % multiple == 0 and self.grid <= 2048,
            "grid",
            f"a multiple of {multiple} up to 2048 is needed, because the networks halve it"
            " at every stage.",
        )
        for name in ("steps", "batch_size", "threads", "epochs", "patience"):
            require(getattr(self, name) >= 1, name, "at least 1 is needed.")
        for name, largest in LARGEST.items():
            require(getattr(self, name) <= largest, name, f"at most {largest} is possible.")
        require(len(self.networks) <= 20, "networks", "at most 20 are possible.")
        require(bool(NAME.fullmatch(self.preset)), "preset", "letters, digits, - and _ only.")
        require(self.epochs <= self.steps, "epochs", "an epoch needs at least one step.")
        require(0 <= self.seed < 2**32, "seed", "0 to 2^32 - 1 is possible.")
        require(1 <= self.threshold <= 255, "threshold", "t8 goes from 1 to 255.")
        require(0 < self.learning_rate <= 1, "learning_rate", "it must be above 0, at most 1.")
        require(0 < self.inner_fraction < 0.5, "inner_fraction", "above 0 and below 0.5.")
        require(0 <= self.inner_from <= 1, "inner_from", "a share of the steps, 0 to 1.")
        require(0 < self.positive_share <= 1, "positive_share", "above 0, at most 1.")
        require(0 <= self.ema_decay < 1, "ema_decay", "0 or more, below 1.")
        require(self.weight_decay >= 0, "weight_decay", "it may not be negative.")
        require(0 <= self.margin <= 0.1, "margin", "0 to 0.1: more would pass a worse round.")
        few = 0 <= self.control_margin <= 0.3
        require(few, "control_margin", "0 to 0.3: more would pass false alarms on healthy films.")
        require(0 <= self.dice_weight <= 1000, "dice_weight", "0 to 1000 is possible.")
        require(0 <= self.focal_gamma <= 10, "focal_gamma", "0 to 10 is possible.")
        require(0 < self.focal_alpha < 1, "focal_alpha", "above 0 and below 1.")
        require(self.clip_norm > 0, "clip_norm", "it must be above 0.")
        require(1 <= len(self.scales) <= 5, "scales", "1 to 5 scales are possible.")
        right = all(0.5 <= scale <= 2 for scale in self.scales)
        require(right, "scales", "each scale goes from 0.5 to 2.")
        self._check_labels()

    def _check_labels(self) -> None:
        infection = self.networks_of("infection")
        require(bool(infection), "networks", "at least one must learn the infection.")
        for network in self.networks:
            enough = network.steps is None or network.steps >= self.epochs
            require(enough, f"networks.{network.key}.steps", "an epoch needs at least one step.")
        cutoffs = self.severity_cutoffs
        require(len(cutoffs) == 4, "severity_cutoffs", "4 cut-offs part the 5 grades.")
        rising = all(low < high for low, high in pairwise((0.0, *cutoffs)))
        inside = rising and cutoffs[-1] <= 1
        require(inside, "severity_cutoffs", "they rise from above 0 to at most 1.")
        small = 0 <= self.smallest_lesion < 0.1
        require(small, "smallest_lesion", "a share of the image, 0 or more, below 0.1.")

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Check decoded JSON and build the plan, or raise PlanError."""
        try:
            return from_plain(cls, data)
        except FieldError as error:
            raise PlanError(error.field, error.reason) from error

    def to_json(self) -> dict[str, object]:
        """Return the plan as plain JSON values, as `from_json` takes them."""
        return to_plain(self)

    @property
    def multiple(self) -> int:
        """The number of pixels that every side a network sees is a multiple of."""
        return math.lcm(*(network.stride for network in self.networks))

    @property
    def sha256(self) -> str:
        """The identity of the plan, stable across processes."""
        return digest(self)

    def networks_of(self, label: LabelKey) -> tuple[NetworkPlan, ...]:
        """Return the networks that learn this label, in the plan's order."""
        return tuple(network for network in self.networks if network.label == label)

    def without(self, label: LabelKey) -> Plan:
        """Return the plan without the networks that learn this label."""
        kept = tuple(network for network in self.networks if network.label != label)
        return replace(self, networks=kept)

    def learnable(self, lung_folds: Collection[int]) -> Plan:
        """Return the plan, without its lung networks unless two folds hold lung masks.

        With one fold the networks that leave it out would have no mask to learn.
        """
        return self if len(set(lung_folds)) > 1 else self.without("lung")

    def course_of(self, network: NetworkPlan) -> Plan:
        """Return the plan with the number of steps that this network takes."""
        return self if network.steps is None else replace(self, steps=network.steps)

    def network(self, key: str) -> NetworkPlan:
        """Return the network with this key."""
        for network in self.networks:
            if network.key == key:
                return network
        raise PlanError("networks", f"the plan has no network {key}.")
