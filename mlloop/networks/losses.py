"""The training losses: cross-entropy or focal loss, plus soft Dice.

The library's Dice loss is 0 on an empty mask for every prediction, so a network would learn nothing
from controls. Here every part of a loss lowers the probability on an empty mask.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mlloop.contract.plan import Plan


def soft_dice_loss(logits: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    """Return 1 - soft Dice per image `(N, 1, H, W)`, averaged over images.

    The loss is 0 if both the mask and the prediction are empty.

    `smooth` is in pixels: on an empty mask the loss is P / (P + smooth), which rises with P.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum((1, 2, 3))
    total = probability.sum((1, 2, 3)) + target.sum((1, 2, 3))
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()


def focal_loss(logits: Tensor, target: Tensor, *, gamma: float, alpha: float) -> Tensor:
    """Return the mean focal loss (Lin and others, ICCV 2017). Easy pixels count little.

    `alpha` is the weight of infected pixels, and 1 - alpha the weight of the others. A partly
    covered pixel counts as both, by its covered share.

    At gamma 0 and alpha 0.5 this is half the cross-entropy.
    """
    probability = torch.sigmoid(logits)
    covered = alpha * (1 - probability) ** gamma * F.logsigmoid(logits)
    clear = (1 - alpha) * probability**gamma * F.logsigmoid(-logits)
    return -(target * covered + (1 - target) * clear).mean()


def segmentation_loss(logits: Tensor, target: Tensor, *, dice_weight: float) -> Tensor:
    """Return cross-entropy + `dice_weight` x soft Dice; `target` is the covered share, 0..1."""
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target)
    return cross_entropy + dice_weight * soft_dice_loss(logits, target)


def planned_loss(logits: Tensor, target: Tensor, plan: Plan) -> Tensor:
    """Return the loss that the plan names, for logits and covered shares `(N, 1, H, W)`."""
    if plan.loss == "bce_dice":
        return segmentation_loss(logits, target, dice_weight=plan.dice_weight)
    focal = focal_loss(logits, target, gamma=plan.focal_gamma, alpha=plan.focal_alpha)
    return focal + plan.dice_weight * soft_dice_loss(logits, target)
