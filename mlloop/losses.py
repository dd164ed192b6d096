"""The training loss: cross-entropy plus soft Dice, right where a mask is empty.

The library's Dice loss is 0 on an empty mask whatever is predicted, so controls would teach
nothing; here both parts push the probability down there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def soft_dice_loss(logits: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    """Return 1 - soft Dice per image `(N, 1, H, W)`, averaged. Empty and silent costs nothing.

    `smooth` is in pixels: on an empty mask the loss is P / (P + smooth), which rises with P.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum((1, 2, 3))
    total = probability.sum((1, 2, 3)) + target.sum((1, 2, 3))
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()


def segmentation_loss(logits: Tensor, target: Tensor, *, dice_weight: float) -> Tensor:
    """Return cross-entropy + `dice_weight` x soft Dice; `target` is the covered share, 0..1."""
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target)
    return cross_entropy + dice_weight * soft_dice_loss(logits, target)
