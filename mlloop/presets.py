"""The named round plans.

Owns the choice of networks and settings; every number here was measured, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from mlloop.manifest import Augment, NetworkPlan, Plan, PlanError


def _networks() -> tuple[NetworkPlan, ...]:
    return (
        NetworkPlan("unet-resnet10", "unet", "tu-resnet10t", (64, 32, 24, 16)),
        NetworkPlan("unetplusplus-resnet10", "unetplusplus", "tu-resnet10t", (48, 24, 16, 8)),
        NetworkPlan("unet-resnet18", "unet", "resnet18", (64, 32, 24, 16)),
    )


def tiny() -> Plan:
    """Return the plan for tests, the demo and CI: seconds per member on one core."""
    return Plan(
        preset="tiny",
        networks=_networks(),
        folds=3,
        grid=64,
        steps=60,
        epochs=6,
        batch_size=8,
        learning_rate=3e-3,
        threads=1,
        seed=20200927,
    )


def cpu() -> Plan:
    """Return the plan for real radiographs on two cores without a GPU."""
    return Plan(
        preset="cpu",
        networks=_networks(),
        folds=3,
        grid=128,
        steps=400,
        epochs=10,
        batch_size=8,
        learning_rate=2e-3,
        positive_share=0.6,
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
