from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mlloop.contract.manifest import Case
from mlloop.contract.plan import Augment
from mlloop.training.augmentation import draw_change, training_batch
from mlloop.training.case_reader import CaseReader
from mlloop.training.seeds import seeded_generator
from tests.mlloop.conftest import STILL


def test_augmentation_when_drawn_again_depends_on_seed_step_and_image_only() -> None:
    def draw(*key: object) -> np.ndarray:
        return draw_change(Augment(), seeded_generator(*key), 8).matrix

    np.testing.assert_array_equal(draw(1, 2, "a"), draw(1, 2, "a"))
    for other in [(2, 2, "a"), (1, 3, "a"), (1, 2, "b")]:
        assert not np.array_equal(draw(1, 2, "a"), draw(*other))


def test_batch_when_nothing_is_augmented_is_the_input_itself(cases: tuple[Case, ...]) -> None:
    reader = CaseReader(grid=32)
    images, targets = training_batch(cases[:3], reader, STILL, 1, 1)
    for i in range(3):
        expected = torch.from_numpy(reader.read_image(cases[i])).clamp(1e-4, 1)
        torch.testing.assert_close(images[i, 0], expected, atol=1e-4, rtol=0)
        torch.testing.assert_close(targets[i, 0], torch.from_numpy(reader.read_target(cases[i])))


def test_batch_when_flipped_moves_image_and_mask_together(cases: tuple[Case, ...]) -> None:
    reader = CaseReader(grid=32)
    images, targets = training_batch(cases[:1], reader, dataclasses.replace(STILL, flip=1.0), 1, 1)
    expected = torch.from_numpy(reader.read_target(cases[0])).flip(1)
    torch.testing.assert_close(targets[0, 0], expected)
    mirrored = torch.from_numpy(reader.read_image(cases[0])).flip(1).clamp(1e-4, 1)
    torch.testing.assert_close(images[0, 0], mirrored, atol=1e-4, rtol=0)


def test_batch_when_shifted_fills_the_border_as_asked(cases: tuple[Case, ...]) -> None:
    reader = CaseReader(grid=32)
    shifted = dataclasses.replace(STILL, shift=0.9)
    black, _ = training_batch(cases[:1], reader, shifted, 1, 1)
    nearest, _ = training_batch(
        cases[:1], reader, dataclasses.replace(shifted, fill="nearest"), 1, 1
    )
    assert float((black < 2e-4).float().mean()) > 0.3
    assert float((nearest < 2e-4).float().mean()) < 0.01


def test_change_when_sheared_slants_and_keeps_the_area() -> None:
    still = draw_change(STILL, seeded_generator(1), 8).matrix
    slanted = draw_change(
        dataclasses.replace(STILL, shear_degrees=20), seeded_generator(1), 8
    ).matrix
    assert abs(slanted[0, 1]) > 0.01
    assert np.linalg.det(slanted[:, :2]) == pytest.approx(np.linalg.det(still[:, :2]))
