"""Bytes that say they are weights: tensors come out, or a sentence says what is wrong."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import strategies as st
from torch import nn

from mlloop.contract.errors import LearningError
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks import converting, weights
from tests.support.fuzzing import damaged, explore, explored

GOOD = safetensors.torch.save({"weight": torch.ones(2, 3), "bias": torch.ones(2)})


def with_header(header: dict[str, object]) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"\0" * 64


HEADERS = st.builds(
    lambda dtype, shape, end: with_header(
        {"weight": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}
    ),
    st.sampled_from(["F32", "F64", "BF16", "F8_E4M3", "F8_E8M0", "F4", "U64", "C64", "BOOL", "?"]),
    st.lists(st.integers(-1, 2**63), max_size=3) | st.sampled_from([[2, 3], [16], [4], [8], [64]]),
    st.integers(0, 2**63) | st.just(64),
)


@explored
def test_weights_when_the_bytes_are_anything_then_read_or_a_learning_error(
    n_examples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = nn.Linear(3, 2)
    monkeypatch.setattr(weights, "depth_of", lambda _: 5)
    monkeypatch.setattr(converting, "build_colour_encoder", lambda *_: encoder)

    def look(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as name:
            source, target = Path(name, "a.safetensors"), Path(name, "b.safetensors")
            source.write_bytes(data)
            named = f"file:{source}"
            plan = NetworkPlan("n", "unet", "resnet18", (16, 8, 8), encoder_weights=named)
            with contextlib.suppress(LearningError):
                weights.load_initial_weights(encoder, plan)
            with contextlib.suppress(LearningError):
                converting.convert_weights(source, target, encoder="n", emit=lambda *_, **__: None)
                assert weights.load_tensors(target).keys() == {"weight", "bias"}

    look(with_header({"weight": {"dtype": "F8_E8M0", "shape": [64], "data_offsets": [0, 64]}}))
    explore(n_examples, damaged((GOOD,)) | HEADERS | st.binary(max_size=200), look)
