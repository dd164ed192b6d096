from __future__ import annotations

import dataclasses
from collections.abc import Callable

from mlloop.contract.manifest import Case
from mlloop.training.batches import batch_cases
from mlloop.training.case_reader import CaseReader
from mlloop.training.inner_split import split_by_mask
from tests.mlloop.conftest import small_plan


def test_batches_when_walked_through_use_every_image_equally(cases: tuple[Case, ...]) -> None:
    plan = small_plan(positive_share=0.5)
    split = split_by_mask(cases, plan, CaseReader(grid=32))
    n = len(split.positives)
    steps = [batch_cases(split, plan, 3, step) for step in range(n)]
    used = [case.image for batch in steps for case in batch if case in split.positives]
    assert sorted(used) == sorted([case.image for case in split.positives] * 2)
    assert steps == [batch_cases(split, plan, 3, step) for step in range(n)]


def test_batches_when_groups_are_balanced_draw_controls_equally_and_each_in_turn(
    make_case: Callable[..., Case],
) -> None:
    normal = [make_case(n, sick=False) for n in range(6)]
    other = [dataclasses.replace(make_case(n, sick=False), group="other") for n in (6, 7)]
    split = split_by_mask(
        [make_case(8), make_case(9), *normal, *other],
        small_plan(inner_fraction=0.01),
        CaseReader(grid=32),
    )
    plan = small_plan(batch_size=6, positive_share=0.5, balance_groups=True)
    drawn = [case for step in range(20) for case in batch_cases(split, plan, 3, step)[3:]]
    groups = [case.group for case in drawn]
    assert groups.count("normal") == groups.count("other") == 30
    for group in ("normal", "other"):
        pool = {case.image for case in split.negatives if case.group == group}
        turns = [case.image for case in drawn if case.group == group]
        assert {turns.count(image) for image in pool} <= {30 // len(pool), 30 // len(pool) + 1}
    plain = dataclasses.replace(plan, balance_groups=False)
    drawn = [case for step in range(20) for case in batch_cases(split, plain, 3, step)[3:]]
    assert [case.group for case in drawn].count("normal") > 35
