"""The named round plans.

Owns the choice of networks and settings; every number here was measured, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from mlloop.manifest import Augment, NetworkPlan, Plan, PlanError


def tiny() -> Plan:
    """Return the plan for phantoms: tests, the demo and CI, seconds per member on one core.

    Small bright lesions on few images leave a network silent for hundreds of steps at equal shares
    and Dice weight 1 (Dice 0.0 after 120 steps); three quarters of images with infection and Dice
    weight 3 bring it to 0.69 in the same 7 seconds. Three stages beat four at this grid (U-Net++
    0.74 in 6 s against 0.71 in 12 s).
    """
    return Plan(
        preset="tiny",
        networks=(
            NetworkPlan("unet-resnet10", "unet", "tu-resnet10t", (32, 16, 8)),
            NetworkPlan("unetplusplus-resnet10", "unetplusplus", "tu-resnet10t", (32, 16, 8)),
            NetworkPlan("linknet-resnet10", "linknet", "tu-resnet10t", (32, 16, 8)),
        ),
        folds=3,
        grid=64,
        steps=100,
        epochs=5,
        batch_size=8,
        learning_rate=2e-3,
        positive_share=0.75,
        dice_weight=3.0,
        flip_test=True,
        threads=1,
        seed=20200927,
        augment=Augment(
            rotate_degrees=8.0, shift=0.05, zoom=0.08, flip=0.5, gamma=0.2, contrast=0.2, noise=0.02
        ),
    )


def cpu() -> Plan:
    """Return the plan for real radiographs on two cores without a GPU.

    Chosen on 29 infected and 26 normal images, two draws, tested on 200 other infected images and
    55 normals: resnet10t equals resnet18 at a seventh of the weights; mobilenetv3 and regnety_002
    lose 0.06 and 0.10 pooled Dice, grid 96 loses 0.03, grid 160 gains nothing. Mirroring, trained
    and tested, lowers the changed pixels most (0.53 to 0.49 of drawing by hand); 250 steps are
    too few, and wilder augmentation and z-scores lose. Two draws tell differences of 0.02 badly.
    """
    return Plan(
        preset="cpu",
        networks=(
            NetworkPlan("unet-resnet10", "unet", "tu-resnet10t", (64, 32, 24, 16)),
            NetworkPlan("unetplusplus-resnet10", "unetplusplus", "tu-resnet10t", (32, 16, 16, 8)),
            NetworkPlan("unet-resnet14", "unet", "tu-resnet14t", (48, 24, 16, 8)),
        ),
        folds=3,
        grid=128,
        steps=400,
        epochs=8,
        batch_size=8,
        learning_rate=2e-3,
        positive_share=0.6,
        inner_fraction=0.08,
        flip_test=True,
        threads=1,
        seed=20200927,
        augment=Augment(
            rotate_degrees=15.0, shift=0.1, zoom=0.15, flip=0.5, gamma=0.3, contrast=0.2, noise=0.03
        ),
    )


PRESETS: MappingProxyType[str, Callable[[], Plan]] = MappingProxyType({"tiny": tiny, "cpu": cpu})


def preset(name: str) -> Plan:
    """Return the preset plan with this name, or raise PlanError listing the names."""
    if name not in PRESETS:
        raise PlanError("preset", f"{name!r} is not one of {', '.join(PRESETS)}.")
    return PRESETS[name]()
