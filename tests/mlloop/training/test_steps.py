from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mlloop.contract.errors import LearningError
from mlloop.contract.plan import Plan
from mlloop.networks.building import build_network
from mlloop.networks.devices import prepare_device
from mlloop.networks.losses import planned_loss
from mlloop.networks.network import SegmentationNetwork
from mlloop.training.checkpoint import StateFolder, TrainingState
from mlloop.training.loading import Batch
from mlloop.training.steps import train_step
from tests.mlloop.conftest import Events, small_plan


class Small(nn.Module):
    """Has no batch statistics, so the parts of a batch give the gradient of the whole batch."""

    def __init__(self, *, room: int = 99, error: Exception | None = None) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 1, 3, padding=1)
        self.room, self.error = room, error or torch.OutOfMemoryError("CUDA out of memory.")

    def forward(self, planes: Tensor) -> Tensor:
        if len(planes) > self.room:
            raise self.error
        logits: Tensor = self.layer(planes)
        return logits


def state_of(
    body: nn.Module, optimiser: type[torch.optim.Optimizer] = torch.optim.AdamW
) -> TrainingState:
    torch.manual_seed(0)
    for value in body.parameters():
        nn.init.normal_(value, std=0.1)
    network = SegmentationNetwork(body, 1).train()
    averaged = {name: value.detach().clone() for name, value in network.state_dict().items()}
    return TrainingState(network, optimiser(network.parameters()), averaged)  # type: ignore[call-arg]


# The largest allowed difference of two gradients, as a share of the largest value. A gradient is a
# sum over the 1,024 pixels of a batch, and processors add them in different orders.
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 0.03}


def assert_same_gradients(left: nn.Module, right: nn.Module, number: torch.dtype) -> None:
    """Require equal gradients up to rounding.

    The weights after AdamW are not compared. AdamW divides by small moments: one rounding of a
    small gradient moves a weight by a large part of a step.
    """
    for a, b in zip(left.parameters(), right.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        roundings = ROUNDING[number] * float(a.grad.abs().max())
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=roundings)


def batch(count: int = 4) -> Batch:
    random = torch.Generator().manual_seed(1)
    images = torch.rand(count, 1, 16, 16, generator=random)
    return images, (images > 0.7).float()


def do_step(state: TrainingState, plan: Plan, given: Batch, events: Events) -> float | None:
    device = prepare_device(plan, choice="cpu")
    return train_step(state, given, plan, device, events, loss_of=planned_loss)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("number", [torch.float32, torch.bfloat16], ids=str)
def test_step_when_memory_runs_out_halves_the_batch_and_learns_the_same(
    error: Exception, number: torch.dtype
) -> None:
    plan = small_plan(precision=str(number).removeprefix("torch."))
    roomy = state_of(Small(), torch.optim.SGD)
    tight = state_of(Small(room=1, error=error), torch.optim.SGD)
    quiet, events = Events(), Events()
    for _ in range(2):
        whole = do_step(roomy, plan, batch(), quiet)
        parts = do_step(tight, plan, batch(), events)
        assert parts == pytest.approx(whole, rel=ROUNDING[number])
        assert_same_gradients(roomy.network, tight.network, number)
    assert (roomy.parts, tight.parts) == (1, 4)
    assert quiet.sent == []
    assert [event["parts"] for event in events.of("smaller_batch")] == [2, 4]
    assert "2 images at a time" in str(events.sent[0]["message"])


@pytest.mark.parametrize("place", ["step", "first moment", "second moment"])
def test_step_when_memory_runs_out_in_the_optimiser_is_done_again_in_parts_and_learns_the_same(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    roomy, tight = state_of(Small()), state_of(Small())
    full, events = torch.OutOfMemoryError("CUDA out of memory."), Events()
    do_step(roomy, small_plan(), batch(), Events())
    with monkeypatch.context() as patched:
        if place == "step":
            once = iter([full])
            real_step = tight.optimiser.step

            def step() -> None:
                if error := next(once, None):
                    raise error
                real_step()

            patched.setattr(tight.optimiser, "step", step)
        else:
            calls, zeros = itertools.count(1), torch.zeros_like
            fails = 1 if place == "first moment" else 2

            def short(*given: object, **named: object) -> Tensor:
                if next(calls) == fails:
                    raise full
                return zeros(*given, **named)  # type: ignore[call-overload, no-any-return]

            patched.setattr(torch, "zeros_like", short)
        do_step(tight, small_plan(), batch(), events)
    assert [event["parts"] for event in events.of("smaller_batch")] == [2]
    assert_same_gradients(roomy.network, tight.network, torch.float32)
    assert_same_moments(roomy.optimiser, tight.optimiser)
    for state in (roomy, tight):
        do_step(state, small_plan(), batch(), Events())
    assert_same_moments(roomy.optimiser, tight.optimiser)


def assert_same_moments(left: torch.optim.Optimizer, right: torch.optim.Optimizer) -> None:
    """Require as many steps, and moments equal up to a few roundings: no gradient counted twice."""
    for mine, other in zip(left.state.values(), right.state.values(), strict=True):
        assert mine["step"] == other["step"]
        for name in ("exp_avg", "exp_avg_sq"):
            roundings = ROUNDING[torch.float32] * float(mine[name].abs().max())
            torch.testing.assert_close(mine[name], other[name], rtol=0, atol=roundings)


def test_step_when_not_even_one_image_fits_says_what_to_change() -> None:
    with pytest.raises(LearningError, match="smaller grid") as refused:
        do_step(state_of(Small(room=0)), small_plan(), batch(), Events())
    assert refused.value.code == "out_of_memory"


def test_step_when_something_else_goes_wrong_does_not_take_it_for_memory() -> None:
    state = state_of(Small(room=0, error=RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        do_step(state, small_plan(), batch(), Events())


def test_parts_when_saved_are_taken_up_by_a_resume(tmp_path: Path) -> None:
    state = state_of(Small(room=2))
    do_step(state, small_plan(), batch(), Events())
    state.left_out, state.in_a_row = 3, 2
    kept = StateFolder(tmp_path, "one", set())
    kept.save(state)
    again = kept.restore(state_of(Small()), Events())
    assert (again.parts, again.left_out, again.in_a_row) == (2, 3, 2)


def test_step_when_a_classifier_has_no_finite_loss_leaves_its_batch_statistics_whole() -> None:
    # A classifier keeps no averaged weights, so the statistics could not be restored from them.
    plan = small_plan()
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
    state = dataclasses.replace(state_of(body), averaged={})
    assert do_step(state, plan, batch(), Events()) is not None
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    images, targets = batch()
    assert do_step(state, plan, (images * math.nan, targets), Events()) is None
    for name, value in state.network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_step_when_the_loss_is_not_finite_changes_nothing_and_is_counted(bad: float) -> None:
    plan = small_plan()
    network = build_network(plan.networks[0], 64).train()
    averaged = {name: value.detach().clone() for name, value in network.state_dict().items()}
    state = TrainingState(network, torch.optim.AdamW(network.parameters()), averaged)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images, targets = torch.full((4, 1, 32, 32), bad), torch.zeros(4, 1, 32, 32)
    events = Events()
    assert do_step(state, plan, (images, targets), events) is None
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
        assert torch.equal(state.averaged[name], before[name]), name
    assert (state.left_out, state.in_a_row) == (1, 1)
    assert events.sent == [{"event": "step_left_out", "step": 0, "in_a_row": 1}]
    assert do_step(state, plan, (torch.rand(4, 1, 32, 32), targets), events) is not None
    assert (state.left_out, state.in_a_row) == (1, 0)


def test_step_when_too_many_in_a_row_are_not_finite_says_what_to_change() -> None:
    state, plan = state_of(Small()), small_plan(patience=3)
    bad = (torch.full((2, 1, 16, 16), math.nan), torch.zeros(2, 1, 16, 16))
    do_step(state, plan, bad, Events())
    do_step(state, plan, bad, Events())
    with pytest.raises(LearningError, match="Lower learning_rate") as refused:
        do_step(state, plan, bad, Events())
    assert refused.value.code == "not_finite"
