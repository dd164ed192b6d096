"""The plan of a round: its networks, folds, sizes and learning settings, and their checks.

Refuses a plan with a wrong field and says which field and why. It imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, Self

from mlloop.contract.architectures import LabelKey
from mlloop.contract.checks import NAME, PlanError, require
from mlloop.contract.network_plan import MAX_STEPS, NetworkPlan
from mlloop.contract.records import FieldError, digest, from_plain, to_plain

Initial = Literal["none", "previous"]
SEVERITY_CUTOFFS = (0.01, 0.25, 0.5, 0.75)
SMALLEST_LESION = 0.0005  # of the image; a smaller lesion is counted, not listed
_MAXIMA = MappingProxyType(
    {"steps": MAX_STEPS, "epochs": 10**5, "batch_size": 4096, "threads": 256, "patience": 10**5}
)


@dataclass(frozen=True, slots=True)
class Augment:
    """How much a training image is moved, and its grey values changed. Each image has a seed."""

    rotate_degrees: float = 10.0
    shift: float = 0.1
    zoom: float = 0.1
    flip: float = 0.0
    gamma: float = 0.3
    contrast: float = 0.2
    noise: float = 0.02
    shear_degrees: float = 0.0
    fill: Literal["black", "nearest"] = "black"  # of pixels outside the film

    def __post_init__(self) -> None:
        sizes = "rotate_degrees", "shift", "zoom", "gamma", "contrast", "noise", "shear_degrees"
        for name in sizes:
            require(getattr(self, name) >= 0, name, "it must be 0 or more.")
        require(0 <= self.flip <= 1, "flip", "a probability from 0 to 1 is needed.")
        require(self.zoom < 1 and self.contrast < 1, "zoom", "zoom and contrast must be below 1.")
        require(self.shear_degrees < 45, "shear_degrees", "it must be below 45.")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a round's training depends on, except its cases and the machine."""

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
    inner_from: float = 0.6  # an epoch may be kept if it ends after this share of the steps
    positive_share: float = 0.5
    dice_weight: float = 1.0
    weight_decay: float = 0.01
    ema_decay: float = 0.98
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    flip_test: bool = False
    initial: Initial = "none"  # "previous": start from the serving weights of the same fold
    margin: float = 0.05  # how much sealed Dice may fall below the serving round
    # How much the share of sealed controls called healthy may fall below the serving round.
    control_margin: float = 0.2
    augment: Augment = field(default_factory=Augment)
    loss: Literal["bce_dice", "focal_dice"] = "bce_dice"
    focal_gamma: float = 2.0
    focal_alpha: float = 0.25
    balance_groups: bool = False  # draw images without infection equally from each group
    clip_norm: float = 1.0
    patience: int = 10  # how many steps in a row may have no finite loss or gradient
    # The infected share of both lungs at which each severity grade after "none" begins.
    severity_cutoffs: tuple[float, ...] = SEVERITY_CUTOFFS
    # A share of the image; a smaller lesion is only counted.
    smallest_lesion: float = SMALLEST_LESION
    # "out_of_fold": the values are fitted if enough infected references have out-of-fold maps
    # (figures/fitting.py). Otherwise the plan's values are used.
    thresholds: Literal["plan", "out_of_fold"] = "plan"
    ensemble_weights: Literal["equal", "out_of_fold"] = "equal"
    temperature: Literal["none", "out_of_fold"] = "none"
    scales: tuple[float, ...] = (1.0,)  # of the grid; a proposal averages the maps of all scales

    def __post_init__(self) -> None:
        require(self.version == 1, "version", f"only version 1 is known, not {self.version}.")
        self._check_networks_and_folds()
        self._check_sizes()
        self._check_learning()
        self._check_serving()
        self._check_labels()
        self._check_severity()

    def _check_networks_and_folds(self) -> None:
        keys = [network.key for network in self.networks]
        require(bool(keys), "networks", "at least one network is needed.")
        require(len(set(keys)) == len(keys), "networks", "two networks have the same key.")
        require(len(keys) <= 20, "networks", "at most 20 are possible.")
        require(2 <= self.folds <= 20, "folds", "2 to 20 folds are possible.")

    def _check_sizes(self) -> None:
        multiple = self.multiple
        require(
            self.grid >= multiple and self.grid % multiple == 0 and self.grid <= 2048,
            "grid",
            f"a multiple of {multiple} up to 2048 is needed, because the networks halve it"
            " at every stage.",
        )
        for name, largest in _MAXIMA.items():
            require(getattr(self, name) >= 1, name, "at least 1 is needed.")
            require(getattr(self, name) <= largest, name, f"at most {largest} is possible.")
        require(bool(NAME.fullmatch(self.preset)), "preset", "use letters, digits, - and _ only.")
        require(self.epochs <= self.steps, "epochs", "an epoch needs at least one step.")
        require(1 <= len(self.scales) <= 5, "scales", "1 to 5 scales are possible.")
        in_range = all(0.5 <= scale <= 2 for scale in self.scales)
        require(in_range, "scales", "each scale must be from 0.5 to 2.")

    def _check_learning(self) -> None:
        require(0 <= self.seed < 2**32, "seed", "0 to 2^32 - 1 is possible.")
        require(0 < self.learning_rate <= 1, "learning_rate", "it must be above 0, at most 1.")
        require(
            0 < self.inner_fraction < 0.5, "inner_fraction", "it must be above 0 and below 0.5."
        )
        require(0 <= self.inner_from <= 1, "inner_from", "a share of the steps, 0 to 1, is needed.")
        require(0 < self.positive_share <= 1, "positive_share", "it must be above 0, at most 1.")
        require(0 <= self.ema_decay < 1, "ema_decay", "it must be 0 or more, and below 1.")
        require(self.weight_decay >= 0, "weight_decay", "it must be 0 or more.")
        require(0 <= self.dice_weight <= 1000, "dice_weight", "0 to 1000 is possible.")
        require(0 <= self.focal_gamma <= 10, "focal_gamma", "0 to 10 is possible.")
        require(0 < self.focal_alpha < 1, "focal_alpha", "it must be above 0 and below 1.")
        require(self.clip_norm > 0, "clip_norm", "it must be above 0.")

    def _check_serving(self) -> None:
        require(1 <= self.threshold <= 255, "threshold", "t8 must be from 1 to 255.")
        require(
            0 <= self.margin <= 0.1,
            "margin",
            "0 to 0.1 is possible: a larger margin would pass a worse round.",
        )
        require(
            0 <= self.control_margin <= 0.3,
            "control_margin",
            "0 to 0.3 is possible: a larger margin would pass false alarms on healthy films.",
        )

    def _check_labels(self) -> None:
        infection = self.networks_of("infection")
        require(bool(infection), "networks", "at least one must learn the infection.")
        for network in self.networks:
            is_enough = network.steps is None or network.steps >= self.epochs
            require(is_enough, f"networks.{network.key}.steps", "an epoch needs at least one step.")

    def _check_severity(self) -> None:
        cutoffs = self.severity_cutoffs
        require(len(cutoffs) == 4, "severity_cutoffs", "5 grades need 4 cut-offs between them.")
        is_rising = all(low < high for low, high in pairwise((0.0, *cutoffs)))
        require(
            is_rising and cutoffs[-1] <= 1,
            "severity_cutoffs",
            "they must rise from above 0 to at most 1.",
        )
        is_small = 0 <= self.smallest_lesion < 0.1
        require(is_small, "smallest_lesion", "a share of the image, 0 or more and below 0.1.")

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Check decoded JSON and build the plan, or raise PlanError."""
        try:
            return from_plain(cls, data)
        except FieldError as error:
            raise PlanError(error.field, error.reason) from error

    def to_json(self) -> dict[str, object]:
        """Return the plan as plain JSON values. `from_json` reads them back."""
        return to_plain(self)

    @property
    def multiple(self) -> int:
        """The smallest side, in pixels, that all networks can halve at each of their stages."""
        return math.lcm(*(network.stride for network in self.networks))

    @property
    def sha256(self) -> str:
        """The identity of the plan, the same in every process."""
        return digest(self)

    def networks_of(self, label: LabelKey) -> tuple[NetworkPlan, ...]:
        """Return the networks that learn this label, in the plan's order."""
        return tuple(network for network in self.networks if network.label == label)

    def without(self, label: LabelKey) -> Plan:
        """Return the plan without the networks that learn this label."""
        kept = tuple(network for network in self.networks if network.label != label)
        return replace(self, networks=kept)

    def without_unlearnable_lungs(self, lung_folds: Collection[int]) -> Plan:
        """Return the plan without its lung networks if fewer than two folds hold lung masks.

        If only one fold has lung masks, the network that leaves it out has none to learn from.
        """
        return self if len(set(lung_folds)) > 1 else self.without("lung")

    def with_steps_of(self, network: NetworkPlan) -> Plan:
        """Return the plan with this network's own number of steps, if it has one."""
        return self if network.steps is None else replace(self, steps=network.steps)

    def network(self, key: str) -> NetworkPlan:
        """Return the network with this key."""
        for network in self.networks:
            if network.key == key:
                return network
        raise PlanError("networks", f"the plan has no network {key}.")
