"""The robot reader: the same target every time, the readers' services, correct counts."""

from __future__ import annotations

import numpy as np
import pytest

from annotation import storage
from annotation.models import Annotation, Project, Truth
from annotation.selectors.labels import label_of
from annotation.services.reading.robot_reader import read_cases, target_mask
from mlloop.figures.metrics import count_pixels, dice
from mlloop.pixels.masks import decode_mask, encode_mask
from mlloop.pixels.raster import quantise
from tests.support.factories import disc, make_image, make_proposal, make_round


@pytest.fixture
def robot_reader(project: Project) -> object:
    from annotation.management.sample_projects import ensure_robot_reader

    return ensure_robot_reader(project)


def give_truth(project: Project, image: object, mask: np.ndarray) -> None:
    key = storage.put(project.id, encode_mask(mask))
    Truth.objects.create(image=image, label=label_of(project, "infection"), mask_key=key)


def test_target_mask_is_the_same_every_time_and_near_the_truth() -> None:
    truth = disc(shape=(200, 160), at=(100, 80), radius=50)
    target = target_mask(truth, seed=1, key="a")
    assert np.array_equal(target, target_mask(truth, seed=1, key="a"))
    assert not np.array_equal(target, target_mask(truth, seed=1, key="b"))
    assert 0.9 < dice(count_pixels(target, truth)) < 1.0
    assert not target_mask(np.zeros_like(truth), seed=1, key="a").any()


def test_robot_reader_draws_seed_masks_and_counts_every_pixel(
    project: Project, robot_reader
) -> None:
    image = make_image(project)
    give_truth(project, image, disc())
    tally = read_cases(project=project, reader=robot_reader, purpose="seed", seed=3)
    drawn = decode_mask(storage.read(Annotation.objects.get().mask_key))
    assert np.array_equal(drawn, target_mask(disc(), seed=3, key=image.pixel_sha256))
    assert tally.verdicts == {"redrawn": 1}
    assert tally.changed_pixels == int(drawn.sum())
    assert tally.redrawn_contour > 0


def test_robot_reader_leaves_images_without_truth_unread_and_counts_them(
    project: Project, robot_reader
) -> None:
    make_image(project, seed=1)
    give_truth(project, make_image(project, seed=2), disc())
    tally = read_cases(project=project, reader=robot_reader, purpose="seed", seed=0)
    assert (tally.n_read, len(tally.no_truth)) == (1, 1)
    assert Annotation.objects.count() == 1


@pytest.mark.parametrize(("radius", "verdict"), [(12, "picked"), (9, "corrected"), (3, "redrawn")])
def test_robot_reader_judges_by_dice_with_its_target(
    project: Project, robot_reader, radius: int, verdict: str
) -> None:
    project.seed_size = 0
    project.save()
    shape = (128, 128)
    image = make_image(project, shape=shape)
    truth = disc(shape=shape, at=(64, 64), radius=24)
    give_truth(project, image, truth)
    serving = make_round(project, number=2, stage="stage_2")
    p8 = quantise(disc(shape=(64, 64), at=(32, 32), radius=radius).astype(np.float32))
    for kind, network in (("mean", "unet-resnet18"), ("ensemble", "ensemble")):
        make_proposal(serving, image, kind=kind, network=network, p8=p8)
    tally = read_cases(project=project, reader=robot_reader, purpose="read", seed=0)
    assert tally.verdicts == {verdict: 1}
    annotation = Annotation.objects.get()
    target = target_mask(truth, seed=0, key=image.pixel_sha256)
    final = decode_mask(storage.read(annotation.mask_key))
    if verdict == "picked":
        assert tally.changed_pixels == 0
        assert annotation.proposal is not None
    else:
        assert np.array_equal(final, target)
    if verdict == "corrected":
        assert 0.6 <= annotation.agreement < 0.9
        assert 0 < tally.changed_pixels < int(target.sum())
    if verdict == "redrawn":
        assert annotation.proposal is None
        assert tally.changed_pixels == int(target.sum())


def test_robot_reader_moves_the_slider_of_an_open_read_before_it_draws(
    project: Project, robot_reader
) -> None:
    project.seed_size = 0
    project.save()
    shape = (128, 128)
    image = make_image(project, shape=shape)
    truth = disc(shape=shape, at=(64, 64), radius=24)
    give_truth(project, image, truth)
    serving = make_round(project, number=2, stage="stage_2")
    # High in the middle, lower around it: only a low threshold shows the whole area.
    inner, outer = (disc(shape=(64, 64), at=(32, 32), radius=radius) for radius in (8, 12))
    p8 = np.where(inner, 220, np.where(outer, 90, 0)).astype(np.uint8)
    for kind, network in (("mean", "unet-resnet18"), ("ensemble", "ensemble")):
        make_proposal(serving, image, kind=kind, network=network, p8=p8)
    tally = read_cases(project=project, reader=robot_reader, purpose="read", seed=0)
    assert tally.verdicts == {"picked": 1}
    assert Annotation.objects.get().threshold in range(16, 96, 16)
    assert tally.changed_pixels == 0
    assert tally.changed_without_slider > 0.3 * truth.sum()


def test_reading_again_reads_nothing_twice(project: Project, robot_reader) -> None:
    give_truth(project, make_image(project), disc())
    read_cases(project=project, reader=robot_reader, purpose="seed", seed=0)
    again = read_cases(project=project, reader=robot_reader, purpose="seed", seed=0)
    assert again.n_read == 0
    assert Annotation.objects.count() == 1
