"""Phantoms in a folder, and the verbs on them."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.cohort import write_cohort
from mlloop.__main__ import main
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.records import write_json
from tests.mlloop.conftest import SMALL, small_plan

Run = Callable[..., int]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write_cohort(folder, patients=9, seed=5, size=96, normal_fraction=0.34, other_fraction=0.12)
    lung = NetworkPlan("lung-unet", "unet", "tu-resnet10t", SMALL, label="lung")
    classifier = NetworkPlan("gradcam", "classifier", "tu-resnet10t", label="activation")
    plan = small_plan(steps=3, epochs=1)
    plan = dataclasses.replace(
        plan,
        networks=(*plan.networks, lung, classifier),
        thresholds="out_of_fold",
        ensemble_weights="out_of_fold",
    )
    write_json(folder / "plan.json", plan.to_json())
    return folder


@pytest.fixture
def mlloop() -> Iterator[Run]:
    """Run a verb in this process and give its exit code; signals are put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(verb: str, films: Path, out: Path, *more: str, masks: bool = True) -> int:
        data = ["--images", str(films), "--metadata", str(films / "metadata.csv")]
        data += ["--masks", str(films), "--lung-masks", str(films)] if masks else []
        return main([verb, *data, "--out", str(out), "--device", "cpu", *more])

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)
