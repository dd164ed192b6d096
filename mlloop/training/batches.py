"""Choose the cases of each step, from the split, the plan, the seed and the step alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from mlloop.contract.manifest import Case
from mlloop.contract.plan import Plan
from mlloop.training.inner_split import Split
from mlloop.training.seeds import seeded_generator


def batch_cases(split: Split, plan: Plan, seed: int, step: int) -> list[Case]:
    """Return the cases of one step: a fixed number from the positives, the rest from the negatives.

    Each kind is drawn in shuffled rounds, so that every image of a kind is used equally often.
    """
    sick = plan.batch_size
    if split.negatives:
        sick = min(max(1, round(plan.batch_size * plan.positive_share)), plan.batch_size)
    well = plan.batch_size - sick
    return [
        *_take_in_turn(split.positives, sick, seed, step, "sick"),
        *_take_controls(split.negatives, well, seed, step, is_balanced=plan.balance_groups),
    ]


def _take_controls(
    pool: Sequence[Case], count: int, seed: int, step: int, *, is_balanced: bool
) -> list[Case]:
    groups = sorted({case.group for case in pool})
    if not is_balanced or len(groups) < 2:
        return _take_in_turn(pool, count, seed, step, "well")
    pools = {group: [case for case in pool if case.group == group] for group in groups}
    chosen = []
    # Each place of a batch goes to the next group. The count continues over all steps, so groups
    # are equal even if a batch has an odd number of places.
    for place in range(step * count, (step + 1) * count):
        turn, group = place // len(groups), groups[place % len(groups)]
        chosen += _take_in_turn(pools[group], 1, seed, turn, f"well/{group}")
    return chosen


def _take_in_turn(pool: Sequence[Case], count: int, seed: int, step: int, name: str) -> list[Case]:
    """Return `count` cases of step `step`, in rounds that use each case of the pool once."""
    chosen = []
    for position in range(step * count, (step + 1) * count):
        turn, place = divmod(position, len(pool))
        chosen.append(pool[_shuffled_order(seed, name, turn, len(pool))[place]])
    return chosen


@functools.lru_cache(maxsize=8)
def _shuffled_order(seed: int, name: str, turn: int, count: int) -> tuple[int, ...]:
    return tuple(seeded_generator(seed, "order", name, turn).permutation(count).tolist())
