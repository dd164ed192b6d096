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
        initial="previous",
        threads=1,
        seed=20200927,
        augment=Augment(
            rotate_degrees=8.0, shift=0.05, zoom=0.08, flip=0.5, gamma=0.2, contrast=0.2, noise=0.02
        ),
    )


def cpu() -> Plan:
    """Return the plan for real radiographs on two cores without a GPU.

    Chosen by measurement on a few dozen infected films (DECISIONS 26): patches of two pixels cost
    a quarter of the time and equal full resolution after twice the steps, still at half the cost;
    a warm start adds up the steps of all rounds; Dice weight 3 finds the small infections that
    long training drops; mirroring, trained and tested, lowers the changed pixels most.
    """
    return Plan(
        preset="cpu",
        networks=(
            NetworkPlan("unet-resnet10", "unet", "tu-resnet10t", (64, 32, 24, 16), patch=2),
            NetworkPlan(
                "unetplusplus-resnet10", "unetplusplus", "tu-resnet10t", (32, 24, 16), patch=2
            ),
            NetworkPlan("unet-resnet18", "unet", "resnet18", (64, 32, 24, 16), patch=2),
        ),
        folds=3,
        grid=128,
        steps=400,
        epochs=8,
        batch_size=8,
        learning_rate=2e-3,
        positive_share=0.6,
        inner_fraction=0.08,
        dice_weight=3.0,
        flip_test=True,
        initial="previous",
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
