from __future__ import annotations

import pytest
import torch

from mlloop.losses import segmentation_loss, soft_dice_loss


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
