"""The classifier and its Grad-CAM maps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mlloop.contract.checks import PlanError
from mlloop.contract.errors import LearningError, Stopped
from mlloop.contract.manifest import Case, TrainManifest
from mlloop.contract.plan import Plan
from mlloop.folders.benchmark import weigh
from mlloop.networks.architectures.classifier import Classifier, classifier_depth
from mlloop.networks.building import build_network
from mlloop.networks.devices import prepare_device
from mlloop.networks.gradcam import activation_maps
from mlloop.pixels.arrays import Float64Array
from mlloop.pixels.images import encode_pixels
from mlloop.pixels.masks import encode_mask
from mlloop.training import member as member_module
from mlloop.training.case_reader import CaseReader
from mlloop.training.loading import Batch
from mlloop.training.tasks import load_member
from mlloop.training.tasks.classification import (
    Classification,
)
from mlloop.training.tasks.task import Run
from tests.mlloop.conftest import CLASSIFIER, KEY, STILL, card, member, plan_with_classifier, train
from tests.mlloop.conftest import training as training_of


def training(plan: Plan, cases: tuple[Case, ...], *, fold: int = 0) -> TrainManifest:
    return training_of(plan, cases, fold=fold, network=KEY)


@pytest.mark.parametrize(("grid", "depth"), [(32, 3), (64, 3), (128, 4), (224, 5), (256, 5)])
def test_classifier_depth_when_the_grid_grows_then_keeps_seven_places(
    grid: int, depth: int
) -> None:
    assert classifier_depth(grid) == depth
    assert grid < 64 or grid / 2**depth >= 7


@pytest.fixture
def squares(tmp_path: Path) -> tuple[Case, ...]:
    """Twelve films of noise with a bright edge, every second one with a bright square.

    The edge gives all films the same range of grey: without it the stretched noise of a control
    would betray it anywhere on the film, and Grad-CAM would rightly not look at the square.
    """
    return tuple(_square(tmp_path, n, sick=n % 2 == 0) for n in range(12))


def _square(folder: Path, number: int, *, sick: bool) -> Case:
    rng = np.random.default_rng(number)
    pixels = rng.integers(20, 60, size=(64, 64)).astype(np.uint8)
    pixels[:2] = 200
    mask = np.zeros((64, 64), np.bool_)
    if sick:
        y, x = rng.integers(8, 40, size=2)
        mask[y : y + 16, x : x + 16] = True
        pixels[mask] += 120
    image, truth = folder / f"i{number}.png", folder / f"m{number}.png"
    image.write_bytes(encode_pixels(pixels))
    truth.write_bytes(encode_mask(mask))
    group = "covid" if sick else "normal"
    key = f"p{number}"
    return Case(f"i{number}", key, group, 0, str(image), str(truth), 64, 64)  # type: ignore[arg-type]


def test_activation_when_a_bright_square_is_planted_then_is_higher_inside(
    squares: tuple[Case, ...], tmp_path: Path
) -> None:
    plan = plan_with_classifier(grid=64, steps=60, epochs=3, augment=STILL, batch_size=8)
    manifest = training(plan, squares, fold=1)
    train(manifest, tmp_path)
    network = load_member(member(manifest, tmp_path), plan, prepare_device(plan, choice="cpu"))
    reader = CaseReader(grid=plan.grid)
    sick = [case for case in squares if case.group == "covid"]
    images = np.stack([reader.read_image(case) for case in sick])
    maps, probability = activation_maps(network, images, prepare_device(plan, choice="cpu"))
    assert maps.shape == images.shape
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert (probability > 0.5).all()
    inside, outside = _means(maps, np.stack([reader.read_target(case) for case in sick]) > 0.5)
    assert inside > 1.5 * outside


def _means(maps: Float64Array, truth: np.ndarray) -> tuple[float, float]:
    return float(maps[truth].mean()), float(maps[~truth].mean())


def test_train_classifier_when_stopped_and_run_again_then_gives_the_same_weights(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    manifest = training(plan_with_classifier(), cases)
    asked = iter([False] * 4 + [True])
    with pytest.raises(Stopped):
        train(manifest, tmp_path / "a", stop=lambda: next(asked))
    assert train(manifest, tmp_path / "a").of("start")[0]["step"] == 5
    train(manifest, tmp_path / "b")
    first, second = card(tmp_path / "a"), card(tmp_path / "b")
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    again = train(manifest, tmp_path / "a")
    assert again.of("done")[0]["finished_before"] is True
    assert not (tmp_path / "a" / "state").exists()


def test_train_classifier_when_a_step_is_not_finite_then_its_inner_auc_is_still_a_number(
    cases: tuple[Case, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclasses.dataclass(frozen=True)
    class Spoiled(Classification):
        def make_batch(self, cases: Sequence[Case], run: Run, step: int) -> Batch:
            images, targets = super().make_batch(cases, run, step)
            return (images * float("nan") if step == 1 else images), targets

    monkeypatch.setattr(member_module, "task_of", lambda _network: Spoiled())
    pool = tuple(dataclasses.replace(case, fold=1) for case in cases)
    events = train(training(plan_with_classifier(), pool, fold=0), tmp_path)
    assert [event["step"] for event in events.of("step_left_out")] == [1]
    assert len(events.of("epoch")) == 4
    assert all(isinstance(event["inner_auc"], float) for event in events.of("epoch"))
    assert card(tmp_path)["left_out"] == 1


def test_train_classifier_when_done_then_the_card_names_whom_it_saw(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    manifest = training(plan_with_classifier(steps=2, epochs=1), cases, fold=0)
    train(manifest, tmp_path)
    held_out = {case.patient for case in cases if case.fold == 0}
    seen = card(tmp_path)["loaded_patients"]
    assert isinstance(seen, list)
    assert seen
    assert held_out.isdisjoint(seen)


def test_train_classifier_when_all_are_covid_then_says_what_is_missing(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    same = tuple(dataclasses.replace(case, group="covid") for case in cases)
    with pytest.raises(LearningError, match="needs images of both groups") as refused:
        train(training(plan_with_classifier(), same), tmp_path)
    assert refused.value.code == "one_class"


def test_build_classifier_when_the_encoder_is_unknown_then_names_it() -> None:
    with pytest.raises(LearningError, match="no-such-net"):
        build_network(dataclasses.replace(CLASSIFIER, encoder="no-such-net"), 64)


def test_activation_when_the_weights_do_not_care_then_is_flat() -> None:
    torch.manual_seed(1)
    network = build_network(CLASSIFIER, 64).eval()
    assert isinstance(network, Classifier)
    torch.nn.init.zeros_(network.head.weight)
    images = np.random.default_rng(1).random((2, 64, 64), np.float32)
    maps, _ = activation_maps(network, images, prepare_device(plan_with_classifier(), choice="cpu"))
    assert not maps.any()


def test_weigh_when_a_film_is_surely_healthy_then_nothing_is_left() -> None:
    p8 = np.array([[0, 100, 255]], np.uint8)
    assert weigh(p8, 0.0).tolist() == [[0, 0, 0]]
    assert weigh(p8, 1.0).tolist() == p8.tolist()
    assert weigh(p8, 0.5).tolist() == [[0, 50, 128]]


def test_train_classifier_when_the_masks_are_taken_away_then_the_weights_are_the_same(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    maskless = tuple(dataclasses.replace(case, mask_path=None) for case in cases)
    train(training(plan_with_classifier(steps=4), cases), tmp_path / "a")
    train(training(plan_with_classifier(steps=4), maskless), tmp_path / "b")
    assert card(tmp_path / "a")["weights_sha256"] == card(tmp_path / "b")["weights_sha256"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": "infection"}, "label"),
        ({"decoder": "unet", "decoder_channels": (8, 8, 8)}, "label"),
        ({"decoder_channels": (8, 8, 8)}, "a classifier has none"),
        ({"patch": 2}, "takes single pixels"),
        ({"encoder_frozen": True, "encoder_weights": "imagenet"}, "cannot be frozen"),
    ],
)
def test_plan_when_a_classifier_is_half_a_network_then_says_which_field(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(PlanError, match=words):
        dataclasses.replace(CLASSIFIER, **changes)  # type: ignore[arg-type]
