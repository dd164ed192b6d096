from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from mlloop.networks.losses import focal_loss, planned_loss, segmentation_loss, soft_dice_loss
from tests.mlloop.conftest import small_plan


def gradient(logits: torch.Tensor, target: torch.Tensor, weight: float) -> torch.Tensor:
    logits = logits.clone().requires_grad_()
    segmentation_loss(logits, target, dice_weight=weight).backward()
    assert logits.grad is not None
    return logits.grad


def test_soft_dice_when_the_mask_is_empty_still_pushes_probability_down() -> None:
    logits = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    soft_dice_loss(logits, torch.zeros(2, 1, 8, 8)).backward()
    assert logits.grad is not None
    assert bool((logits.grad > 0).all())


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_loss_when_the_mask_is_empty_has_a_gradient_that_lowers_every_logit(weight: float) -> None:
    grad = gradient(torch.full((1, 1, 8, 8), -3.0), torch.zeros(1, 1, 8, 8), weight)
    assert bool((grad > 0).all())


def test_loss_when_the_mask_is_full_has_a_gradient_that_raises_every_logit() -> None:
    grad = gradient(torch.full((1, 1, 8, 8), 0.3), torch.ones(1, 1, 8, 8), 1.0)
    assert bool((grad < 0).all())


def test_soft_dice_when_silent_on_an_empty_mask_costs_nothing() -> None:
    silent, loud = torch.full((1, 1, 8, 8), -30.0), torch.full((1, 1, 8, 8), 30.0)
    empty = torch.zeros(1, 1, 8, 8)
    assert float(soft_dice_loss(silent, empty)) == pytest.approx(0, abs=1e-6)
    assert float(soft_dice_loss(loud, empty)) == pytest.approx(64 / 65)


def test_soft_dice_when_compared_with_counts_agrees() -> None:
    target = torch.zeros(1, 1, 4, 4)
    target[..., :2, :] = 1
    logits = torch.full((1, 1, 4, 4), -30.0)
    logits[..., 1:3, :] = 30.0
    assert float(soft_dice_loss(logits, target)) == pytest.approx(1 - (2 * 4 + 1) / (16 + 1))


@pytest.mark.parametrize("loss", ["bce_dice", "focal_dice"])
@pytest.mark.parametrize("dice_weight", [0.0, 1.0])
@pytest.mark.parametrize("logit", [-6.0, 0.0, 6.0])
def test_planned_loss_when_the_mask_is_empty_pushes_every_probability_down(
    loss: str, dice_weight: float, logit: float
) -> None:
    logits = torch.full((2, 1, 8, 8), logit, requires_grad=True)
    plan = small_plan(loss=loss, dice_weight=dice_weight)
    planned_loss(logits, torch.zeros(2, 1, 8, 8), plan).backward()
    assert logits.grad is not None
    assert bool((logits.grad > 0).all())


@pytest.mark.parametrize("loss", ["bce_dice", "focal_dice"])
def test_planned_loss_when_the_answer_is_right_is_lower_than_when_it_is_wrong(loss: str) -> None:
    target = torch.zeros(1, 1, 8, 8)
    target[..., 2:5, 2:5] = 1
    right, wrong = (target - 0.5) * 8, (0.5 - target) * 8
    plan = small_plan(loss=loss)
    assert float(planned_loss(right, target, plan)) < 0.1
    assert float(planned_loss(wrong, target, plan)) > 1


@given(st.integers(0, 2**16), st.floats(0, 5), st.floats(0.05, 0.95))
def test_focal_loss_when_compared_with_its_definition_agrees(
    seed: int, gamma: float, alpha: float
) -> None:
    random = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(2, 1, 4, 4, generator=random, dtype=torch.float64)
    target = (torch.rand(2, 1, 4, 4, generator=random) > 0.5).double()
    p = torch.where(target == 1, logits.sigmoid(), 1 - logits.sigmoid())
    weight = torch.where(target == 1, alpha, 1 - alpha)
    expected = (-weight * (1 - p) ** gamma * p.log()).mean()
    torch.testing.assert_close(focal_loss(logits, target, gamma=gamma, alpha=alpha), expected)


def test_focal_loss_when_nothing_is_focused_is_half_the_cross_entropy() -> None:
    random = torch.Generator().manual_seed(0)
    logits, target = (torch.rand(2, 1, 4, 4, generator=random) for _ in "ab")
    half = F.binary_cross_entropy_with_logits(logits, target) / 2
    torch.testing.assert_close(focal_loss(logits, target, gamma=0, alpha=0.5), half)


@pytest.mark.parametrize("logit", [-120.0, 120.0])
def test_focal_loss_when_the_logits_are_extreme_stays_finite(logit: float) -> None:
    logits = torch.full((1, 1, 4, 4), logit, requires_grad=True)
    focal_loss(logits, torch.ones(1, 1, 4, 4), gamma=2, alpha=0.25).backward()
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())
