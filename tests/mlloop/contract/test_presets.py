from __future__ import annotations

import pytest
import torch

from mlloop.contract.checks import PlanError
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.presets import PRESETS, preset
from mlloop.networks.building import build_network

PAPER = {
    n.key: n for name in ("paper-stage-1", "paper-stage-2", "gpu") for n in preset(name).networks
}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_preset_when_written_and_read_is_the_same_plan(name: str) -> None:
    plan = preset(name)
    assert plan.preset == name
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(("name", "count"), [("paper-stage-1", 3), ("paper-stage-2", 5)])
def test_paper_preset_when_read_holds_the_papers_figures(name: str, count: int) -> None:
    plan = preset(name)
    assert len(plan.networks) == count
    assert {network.decoder for network in plan.networks} == {"unet", "unetplusplus", "dla"}
    assert (plan.folds, plan.grid, plan.batch_size, plan.epochs) == (5, 224, 32, 50)
    assert (plan.loss, plan.focal_gamma, plan.focal_alpha) == ("focal_dice", 2.0, 0.25)
    assert (plan.learning_rate, plan.augment.rotate_degrees, plan.augment.shift) == (1e-4, 10, 0.1)
    assert (plan.augment.flip, plan.augment.zoom, plan.positive_share) == (0, 0, 0.5)


@pytest.mark.parametrize("network", PAPER.values(), ids=PAPER.keys())
def test_paper_network_when_built_takes_films_at_224(network: NetworkPlan) -> None:
    built = build_network(network, 64).eval()
    with torch.inference_mode():
        assert built(torch.rand(1, 1, 224, 224)).shape == (1, 1, 224, 224)


def test_preset_when_unknown_lists_the_names() -> None:
    with pytest.raises(PlanError, match="paper-stage-1") as refused:
        preset("paper")
    assert refused.value.field == "preset"
