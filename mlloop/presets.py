"""The named round plans.

Owns the choice of networks and settings; every number here was measured, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from mlloop.manifest import NetworkPlan, Plan, PlanError

_SMALL = (64, 32, 24, 16)


def _networks() -> tuple[NetworkPlan, ...]:
    return (
        NetworkPlan("unet-resnet18", "unet", "resnet18", _SMALL),
        NetworkPlan("unetplusplus-resnet18", "unetplusplus", "resnet18", _SMALL),
        NetworkPlan("unet-mobilenetv3", "unet", "tu-mobilenetv3_small_100", _SMALL),
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
        threads=1,
        seed=20200927,
    )


PRESETS: MappingProxyType[str, Callable[[], Plan]] = MappingProxyType({"tiny": tiny, "cpu": cpu})


def preset(name: str) -> Plan:
    """Return the preset plan with this name, or raise PlanError listing the names."""
    if name not in PRESETS:
        raise PlanError("preset", f"{name!r} is not one of {', '.join(PRESETS)}.")
    return PRESETS[name]()
