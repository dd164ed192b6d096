from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlloop.contract.checks import PlanError
from mlloop.contract.plan import Plan
from mlloop.contract.presets import PRESETS, preset
from mlloop.contract.schema import plan_schema

VALIDATOR = jsonschema.Draft202012Validator(plan_schema())
ODD_VALUES = st.sampled_from([None, True, "odd", 3, 0.5, [], {}, [1, "a"], {"a": 1}])


def test_schema_when_checked_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(plan_schema())


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_schema_when_given_a_preset_takes_it(name: str) -> None:
    VALIDATOR.validate(preset(name).to_json())


def places(data: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the way to every value of a JSON document."""
    items = data.items() if isinstance(data, dict) else []
    items = enumerate(data) if isinstance(data, list) else items
    return [at, *(place for key, value in items for place in places(value, (*at, key)))]


@given(st.data(), st.sampled_from(sorted(PRESETS)), ODD_VALUES)
def test_schema_when_it_refuses_a_change_the_plan_refuses_it_too(
    data: st.DataObject, name: str, odd: object
) -> None:
    plan = copy.deepcopy(preset(name).to_json())
    way = data.draw(st.sampled_from(places(plan)[1:]))
    holder: Any = plan
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = odd
    if not VALIDATOR.is_valid(plan):
        with pytest.raises(PlanError):
            Plan.from_json(plan)


@given(st.sampled_from(sorted(Plan.__dataclass_fields__)))
def test_schema_when_a_field_is_left_out_agrees_with_the_plan(field: str) -> None:
    plan = preset("cpu").to_json()
    del plan[field]
    if VALIDATOR.is_valid(plan):
        assert getattr(Plan.from_json(plan), field) is not None
    else:
        with pytest.raises(PlanError, match="missing"):
            Plan.from_json(plan)


def test_schema_when_a_field_is_unknown_refuses_it() -> None:
    assert not VALIDATOR.is_valid(preset("cpu").to_json() | {"learning_rat": 1e-3})
