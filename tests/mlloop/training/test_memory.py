"""What training and proposing do when memory runs out. The error is faked where torch raises it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mlloop.__main__ import main
from mlloop.contract.errors import LearningError
from mlloop.contract.manifest import (
    Case,
    EvaluateManifest,
    MemberRef,
    ProposeManifest,
    write_manifest,
)
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.networks.devices import prepare_device
from mlloop.proposing.ensemble import propose
from mlloop.proposing.evaluation import evaluate
from mlloop.training import member
from mlloop.training.memory import Chunker
from mlloop.training.tasks import segmentation
from tests.mlloop.conftest import Events, card, small_plan, train
from tests.mlloop.conftest import training as training_of

Members = Callable[[Plan], tuple[MemberRef, ...]]
Forward = Callable[..., object]
CPU = prepare_device(small_plan(), choice="cpu")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")


def roomy_for(count: int, forward: Forward) -> Forward:
    """Return `forward` that raises FULL for more than `count` images at a time."""

    def tight(network: nn.Module, images: np.ndarray, *rest: object) -> object:
        if len(images) > count:
            raise FULL
        return forward(network, images, *rest)

    return tight


def test_passes_when_memory_runs_out_halve_and_stay_small() -> None:
    sizes: list[int] = []

    def forward(images: np.ndarray) -> list[float]:
        sizes.append(len(images))
        if len(images) > 3:
            raise FULL
        return [float(image.sum()) for image in images]

    images, events = np.arange(7 * 4, dtype=np.float32).reshape(7, 2, 2), Events()
    chunker = Chunker(CPU, events)
    assert chunker.map_images(forward, images) == [float(image.sum()) for image in images]
    assert sizes == [7, 4, 2, 2, 2, 1]
    assert chunker.map_images(forward, images[:2]) == [float(image.sum()) for image in images[:2]]
    assert sizes[6:] == [1, 1]
    assert [event["parts"] for event in events.of("smaller_chunk")] == [2, 4]
    assert "2 at a time" in str(events.sent[-1]["message"])


def test_passes_when_one_image_is_too_many_say_what_to_change() -> None:
    def forward(_images: np.ndarray) -> list[float]:
        raise FULL

    with pytest.raises(LearningError, match="smaller grid") as refused:
        Chunker(CPU, Events()).map_images(forward, np.zeros((3, 2, 2), np.float32))
    assert refused.value.code == "out_of_memory"


def test_passes_when_something_else_goes_wrong_let_it_through() -> None:
    def forward(_images: np.ndarray) -> list[float]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        Chunker(CPU, Events()).map_images(forward, np.zeros((3, 2, 2), np.float32))


@pytest.mark.parametrize("verb", ["propose", "evaluate"])
def test_maps_when_memory_runs_out_are_made_in_parts_and_the_same(
    cases: tuple[Case, ...],
    members: Members,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    plan = small_plan()
    roomy, tight = Events(), Events()

    def work(out: Path, events: Events) -> None:
        if verb == "propose":
            asked = ProposeManifest(1, plan, plan.folds, members(plan), cases, frozenset())
            propose(asked, out, device=CPU, emit=events, stop=bool)
        else:
            sealed = EvaluateManifest(1, plan, plan.folds, members(plan), cases)
            evaluate(sealed, out, device=CPU, emit=events, stop=bool)

    work(tmp_path / "roomy", roomy)
    monkeypatch.setattr(segmentation, "predict", roomy_for(3, segmentation.predict))
    work(tmp_path / "tight", tight)
    assert roomy.of("smaller_chunk") == []
    assert [event["parts"] for event in tight.of("smaller_chunk")] == [2, 4]
    name = "evaluation.json" if verb == "evaluate" else f"{cases[0].image}/proposals.json"
    in_parts, at_once = (
        json.loads((tmp_path / kind / name).read_text()) for kind in ("tight", "roomy")
    )
    assert in_parts.keys() == at_once.keys()
    if verb == "propose":
        assert in_parts["mean_disagreement"] == pytest.approx(
            at_once["mean_disagreement"], abs=1e-3
        )
    else:
        assert [image["peak"] for image in in_parts["images"]] == pytest.approx(
            [image["peak"] for image in at_once["images"]], abs=1
        )


def test_classifier_when_its_inner_look_is_too_many_images_goes_on_in_parts(
    make_case: Callable[..., Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = NetworkPlan("gradcam", "classifier", "tu-resnet10t", label="activation")
    plan = small_plan(
        networks=(*small_plan().networks, network), steps=2, epochs=2, inner_fraction=0.49
    )
    cases = tuple(make_case(n, sick=n % 2 == 0, fold=1) for n in range(16))
    manifest = training_of(plan, cases, network="gradcam")
    roomy = train(manifest, tmp_path / "roomy")
    forward = torch.nn.Linear.forward

    def tight(self: nn.Linear, given: torch.Tensor) -> torch.Tensor:
        if not self.training and len(given) > 1:
            raise FULL
        return forward(self, given)

    monkeypatch.setattr(torch.nn.Linear, "forward", tight)
    events = train(manifest, tmp_path / "tight")
    assert card(tmp_path / "tight")["n_inner"] == card(tmp_path / "roomy")["n_inner"]
    assert events.of("smaller_chunk")
    for mine, other in zip(events.of("epoch"), roomy.of("epoch"), strict=True):
        assert mine["inner_auc"] == other["inner_auc"]


def test_training_when_one_image_of_the_inner_look_does_not_fit_says_what_to_change(
    cases: tuple[Case, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmentation, "predict", roomy_for(0, segmentation.predict))
    with pytest.raises(LearningError, match="smaller grid") as refused:
        train(training_of(small_plan(), cases), tmp_path)
    assert refused.value.code == "out_of_memory"


def test_child_when_memory_runs_out_anywhere_else_says_so_and_not_the_name_of_an_error(
    cases: tuple[Case, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_given: object, **_named: object) -> nn.Module:
        raise FULL

    monkeypatch.setattr(member, "build_network", full)
    manifest = dataclasses.replace(training_of(small_plan(), cases), round=2)
    write_manifest(tmp_path / "manifest.json", manifest)
    given = ["--manifest", str(tmp_path / "manifest.json"), "--out", str(tmp_path / "out")]
    assert main(["train", *given]) == 1
    event = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert event["code"] == "out_of_memory"
    assert "OutOfMemoryError" not in event["message"]
