"""JSON from outside: what comes out can be stored everywhere, whatever went in."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlloop.contract.json_text import MAX_DEPTH, JsonError, read_json_text
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset
from mlloop.contract.records import FieldError

storable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=4,
        )
    ),
)


@given(storable)
def test_read_when_the_value_can_be_stored_then_it_comes_back(value: object) -> None:
    text = json.dumps(value)
    assert read_json_text(text) == read_json_text(text.encode()) == value


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
def test_read_when_it_is_deep_then_refused_at_once(depth: int) -> None:
    start = time.monotonic()
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        with pytest.raises(JsonError, match="levels deep"):
            read_json_text(text)
    assert time.monotonic() - start < 5  # seconds, not minutes: the work is linear
    assert read_json_text("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_plan_when_a_field_holds_something_deep_then_the_sentence_is_short() -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    for wrong in (deep, "x" * 10_000, 10**4000):
        with pytest.raises(FieldError) as refused:
            Plan.from_json(preset("cpu").to_json() | {"preset": wrong, "steps": wrong})
        assert len(str(refused.value)) < 200
