from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlloop.__main__ import main
from mlloop.contract.errors import LearningError, Stopped
from mlloop.contract.manifest import EstimateManifest, ManifestError, write_manifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.devices import prepare_device
from mlloop.proposing.estimating import RoundCost, estimate_cost
from tests.mlloop.conftest import SMALL, Events, small_plan


def asked(**changes: object) -> EstimateManifest:
    values = {"plan": small_plan(), "k": 2, "n_train": 40, "n_propose": 10, "n_trained": 4}
    return EstimateManifest(**(values | changes))  # type: ignore[arg-type]


def estimate(manifest: EstimateManifest, out: Path, events: Events | None = None) -> RoundCost:
    device = prepare_device(manifest.plan, choice="cpu")
    return estimate_cost(manifest, out, device=device, emit=events or Events(), stop=lambda: False)


def test_estimate_when_made_adds_up_members_and_images(tmp_path: Path) -> None:
    events = Events()
    round_cost = estimate(asked(), tmp_path, events)
    assert [cost.network for cost in round_cost.networks] == ["unet", "unetplusplus"]
    for cost in round_cost.networks:
        assert min(cost.seconds_step, cost.seconds_image, cost.parameters) > 0
        # 8 steps, and 4 epochs that each look at a tenth of 20 images.
        expected = 8 * cost.seconds_step + 4 * 2 * cost.seconds_image
        assert round_cost.seconds_members[cost.network] == pytest.approx(expected)
    assert round_cost.seconds_training == pytest.approx(
        2 * sum(round_cost.seconds_members.values())
    )
    image = sum(cost.seconds_image for cost in round_cost.networks)
    assert round_cost.seconds_proposing == pytest.approx((4 + 2 * 6) * image)
    assert round_cost.bytes == max(cost.bytes for cost in round_cost.networks) > 2**26
    assert "CPU" in round_cost.device
    assert json.loads((tmp_path / "estimate.json").read_text())["bytes"] == round_cost.bytes
    assert events.sent[-1]["event"] == "done"


def test_estimate_when_the_batch_is_large_is_scaled_up_from_a_few_images(tmp_path: Path) -> None:
    plan = small_plan(networks=small_plan().networks[:1], batch_size=4000)
    cost = estimate(asked(plan=plan), tmp_path).networks[0]
    assert cost.seconds_step > 100 * cost.seconds_image


def test_estimate_when_a_network_takes_fewer_steps_costs_less(tmp_path: Path) -> None:
    first, second = small_plan().networks
    plan = small_plan(networks=(replace(first, steps=4), second), inner_fraction=1e-9)
    round_cost = estimate(asked(plan=plan), tmp_path)
    assert round_cost.seconds_members["unet"] == pytest.approx(
        4 * round_cost.networks[0].seconds_step
    )


def test_estimate_when_asked_to_stop_stops(tmp_path: Path) -> None:
    manifest = asked()
    device = prepare_device(manifest.plan, choice="cpu")
    with pytest.raises(Stopped):
        estimate_cost(manifest, tmp_path, device=device, emit=Events(), stop=lambda: True)
    assert not (tmp_path / "estimate.json").exists()


def test_estimate_when_a_network_cannot_be_built_says_which(tmp_path: Path) -> None:
    plan = small_plan(networks=(NetworkPlan("odd", "unet", "no-such-encoder", SMALL),))
    with pytest.raises(LearningError, match="odd cannot be built"):
        estimate(asked(plan=plan), tmp_path)


def test_estimate_when_run_as_a_child_speaks_json_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, asked(plan=small_plan(networks=small_plan().networks[:1])))
    arguments = ["estimate", "--manifest", str(path), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--device", "cpu"]) == 0
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events == ["progress", "done"]
    assert (tmp_path / "out" / "estimate.json").exists()


@pytest.mark.parametrize(("field", "value"), [("k", 1), ("n_train", -1), ("n_propose", -1)])
def test_estimate_manifest_when_wrong_names_the_field(field: str, value: int) -> None:
    with pytest.raises(ManifestError) as refused:
        asked(**{field: value})
    assert refused.value.field == field


def test_estimate_when_there_is_a_classifier_then_it_is_timed_too(
    tmp_path: Path,
) -> None:
    classifier = NetworkPlan("gradcam", "classifier", "tu-resnet10t", label="activation")
    networks = (small_plan().networks[0], classifier)
    round_cost = estimate(asked(plan=small_plan(networks=networks)), tmp_path)
    cost = round_cost.networks[1]
    assert cost.network == "gradcam"
    assert min(cost.seconds_step, cost.seconds_image, cost.parameters) > 0
