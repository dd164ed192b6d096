"""The fixed course of a training run: its learning rates, the ends of its epochs, its seed.

Pure functions of the manifest; nothing here changes while a run goes on.
"""

from __future__ import annotations

import math

from mlloop.contract.manifest import TrainManifest
from mlloop.contract.plan import Plan
from mlloop.training.seeds import seeded_generator


def learning_rate(plan: Plan, step: int) -> float:
    """Rise over the first 15 % of the steps, then fall to zero along a cosine."""
    rise = max(1, round(0.15 * plan.steps))
    if step < rise:
        return plan.learning_rate * (step + 1) / rise
    done = (step - rise) / max(1, plan.steps - rise)
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def epoch_ends(plan: Plan) -> dict[int, int]:
    """Map the step count at which an epoch ends to the number of that epoch, from 1."""
    return {round(plan.steps * n / plan.epochs): n for n in range(1, plan.epochs + 1)}


def member_seed(manifest: TrainManifest) -> int:
    """Return the member's own seed, so that members differ from the first weight on."""
    key = (manifest.plan.seed, "member", manifest.network.key, manifest.fold)
    return int(seeded_generator(*key).integers(2**32))
