"""A small world for the learning tests: bright blocks on noise, one image per patient."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from mlloop.contract.manifest import Case, MemberRef, TrainManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Augment, Plan
from mlloop.networks.devices import prepare_device
from mlloop.pixels.images import encode_pixels
from mlloop.pixels.masks import encode_mask
from mlloop.training.member import train_member

# On a busy machine, how long one example of a property test takes says nothing.
settings.register_profile("no_clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no_clock")

SMALL = (16, 8, 8)
# `make test-processors` runs these tests with two threads too.
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
STILL = Augment(rotate_degrees=0, shift=0, zoom=0, gamma=0, contrast=0, noise=0)


@pytest.fixture(autouse=True)
def few_threads() -> Iterator[None]:
    """Set the thread count, and restore what other tests see."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def small_plan(**changes: object) -> Plan:
    values: dict[str, object] = {
        "preset": "test",
        "networks": (
            NetworkPlan("unet", "unet", "tu-resnet10t", SMALL),
            NetworkPlan("unetplusplus", "unetplusplus", "tu-resnet10t", SMALL),
        ),
        "folds": 2,
        "grid": 32,
        "steps": 8,
        "epochs": 4,
        "batch_size": 4,
        "learning_rate": 5e-3,
        "threads": THREADS,
        "precision": "float32",  # `auto` asks the processor, and the figures would hang on it
        "seed": 7,
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


KEY = "gradcam"
CLASSIFIER = NetworkPlan(KEY, "classifier", "tu-resnet10t", label="activation")


def plan_with_classifier(**changes: object) -> Plan:
    return small_plan(**({"networks": (*small_plan().networks, CLASSIFIER)} | changes))


@dataclass
class Events:
    """Collects what a child would have said."""

    sent: list[dict[str, object]] = field(default_factory=list)

    def __call__(self, event: str, /, **values: object) -> None:
        self.sent.append({"event": event, **values})

    def of(self, event: str) -> list[dict[str, object]]:
        return [line for line in self.sent if line["event"] == event]


@pytest.fixture
def make_case(tmp_path: Path) -> Callable[..., Case]:
    """Write one image with a bright block, and its mask, and return the case."""

    def make(number: int, *, sick: bool = True, fold: int = 0, patient: str = "") -> Case:
        rng = np.random.default_rng(number)
        pixels = rng.integers(20, 80, size=(40, 48)).astype(np.uint8)
        mask = np.zeros((40, 48), np.bool_)
        if sick:
            y, x = rng.integers(4, 22, size=2)
            mask[y : y + 14, x : x + 14] = True
        pixels[mask] += 120
        image, truth = tmp_path / f"i{number}.png", tmp_path / f"m{number}.png"
        image.write_bytes(encode_pixels(pixels))
        truth.write_bytes(encode_mask(mask))
        return Case(
            image=f"image-{number}",
            patient=patient or f"patient-{number}",
            group="covid" if sick else "normal",
            fold=fold,
            image_path=str(image),
            mask_path=str(truth) if sick else None,
            height=40,
            width=48,
        )

    return make


@pytest.fixture
def cases(make_case: Callable[..., Case]) -> tuple[Case, ...]:
    """Eight patients over two folds, every fourth one a control."""
    return tuple(make_case(n, sick=n % 4 != 3, fold=n % 2 if n != 7 else 0) for n in range(8))


def training(
    plan: Plan, cases: tuple[Case, ...], *, fold: int = 0, network: str = "unet"
) -> TrainManifest:
    kept = tuple(case for case in cases if case.fold != fold)
    return TrainManifest(1, plan, plan.network(network), fold, plan.folds, kept)


def train(manifest: TrainManifest, out: Path, stop: Callable[[], bool] = lambda: False) -> Events:
    events = Events()
    device = prepare_device(manifest.plan, choice="cpu")
    train_member(manifest, out, device=device, emit=events, stop=stop)
    return events


def card(out: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads((out / "card.json").read_text())
    return read


def member(manifest: TrainManifest, out: Path) -> MemberRef:
    sha256 = str(card(out)["weights_sha256"])
    weights, path = str(out / "weights.safetensors"), str(out / "card.json")
    return MemberRef(manifest.network.key, manifest.fold, weights, path, sha256)


@pytest.fixture(scope="session")
def members_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where members trained once are shared by the tests of a session."""
    return tmp_path_factory.mktemp("members")


@pytest.fixture
def members(
    cases: tuple[Case, ...], members_folder: Path
) -> Callable[[Plan], tuple[MemberRef, ...]]:
    """Train every member of a plan for its few steps, once per session."""

    def make(plan: Plan) -> tuple[MemberRef, ...]:
        result = []
        for network in plan.networks:
            for fold in range(plan.folds):
                out = members_folder / plan.sha256[:12] / f"{network.key}-{fold}"
                manifest = training(plan, cases, fold=fold, network=network.key)
                train(manifest, out)
                result.append(member(manifest, out))
        return tuple(result)

    return make
