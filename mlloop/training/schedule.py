"""The learning rate of each step, the end of each epoch, and the seed of a training run.

All are pure functions of the manifest or its plan.
"""

from __future__ import annotations

import math

from mlloop.contract.manifest import TrainManifest
from mlloop.contract.plan import Plan
from mlloop.training.seeds import seeded_generator


def learning_rate(plan: Plan, step: int) -> float:
    """Return the learning rate of a step.

    It rises linearly over the first 15 % of the steps, then falls to zero along a cosine.
    """
    rise = max(1, round(0.15 * plan.steps))
    if step < rise:
        return plan.learning_rate * (step + 1) / rise
    done = (step - rise) / max(1, plan.steps - rise)
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def epoch_ends(plan: Plan) -> dict[int, int]:
    """Return a mapping from the step count at the end of each epoch to its number, from 1."""
    return {round(plan.steps * n / plan.epochs): n for n in range(1, plan.epochs + 1)}


def member_seed(manifest: TrainManifest) -> int:
    """Return the seed of this member. Each member has another, so their first weights differ."""
    key = (manifest.plan.seed, "member", manifest.network.key, manifest.fold)
    return int(seeded_generator(*key).integers(2**32))
