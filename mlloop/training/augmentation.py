"""Move each training image and its mask in the same way, and change the exposure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlloop.contract.manifest import Case
from mlloop.contract.plan import Augment
from mlloop.pixels.arrays import FloatArray
from mlloop.training.case_reader import CaseReader
from mlloop.training.seeds import seeded_generator


def training_batch(
    cases: Sequence[Case], reader: CaseReader, augment: Augment, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    """Return augmented inputs and targets, each `(N, 1, grid, grid) float32`."""
    images = torch.from_numpy(np.stack([reader.read_image(case) for case in cases])[:, None])
    targets = torch.from_numpy(np.stack([reader.read_target(case) for case in cases])[:, None])
    draws = [
        draw_change(augment, seeded_generator(seed, step, case.image), reader.grid)
        for case in cases
    ]
    matrices = torch.from_numpy(np.stack([draw.matrix for draw in draws]))
    field_ = F.affine_grid(matrices, list(images.shape), align_corners=False)
    fill = {"black": "zeros", "nearest": "border"}[augment.fill]
    images = F.grid_sample(images, field_, padding_mode=fill, align_corners=False)
    targets = F.grid_sample(targets, field_, padding_mode=fill, align_corners=False)
    for i, draw in enumerate(draws):
        exposed = images[i].clamp(1e-4, 1) ** draw.gamma
        mean = exposed.mean()
        images[i] = (exposed - mean) * draw.contrast + mean + torch.from_numpy(draw.noise)
    return images, targets


class Change(NamedTuple):
    """How augmentation changes one image."""

    matrix: FloatArray
    gamma: float
    contrast: float
    noise: FloatArray


def draw_change(augment: Augment, rng: np.random.Generator, grid: int) -> Change:
    """Draw a rotation, zoom, shift, shear and exposure within the limits of `augment`."""
    spread = rng.uniform(-1, 1, size=6)
    flip, noise_level = rng.uniform(size=2)
    angle = math.radians(spread[0] * augment.rotate_degrees)
    zoom = (1 + augment.zoom) ** spread[1]
    mirror = -1.0 if flip < augment.flip else 1.0
    cos, sin = math.cos(angle) * zoom, math.sin(angle) * zoom
    # affine_grid counts in half images, so a shift of 0.1 of the width is 0.2 here.
    shift_x, shift_y = 2 * augment.shift * spread[2], 2 * augment.shift * spread[3]
    noise = rng.standard_normal((1, grid, grid), dtype=np.float32)
    slant = math.tan(math.radians(rng.uniform(-1, 1) * augment.shear_degrees))
    matrix = [
        [cos * mirror, -sin + cos * mirror * slant, shift_x],
        [sin * mirror, cos + sin * mirror * slant, shift_y],
    ]
    return Change(
        matrix=np.array(matrix, np.float32),
        gamma=math.exp(spread[4] * augment.gamma),
        contrast=1 + spread[5] * augment.contrast,
        noise=noise * np.float32(noise_level * augment.noise),
    )
