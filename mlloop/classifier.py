"""A classifier, covid or not, with the encoder of a segmentation network: the paper's rival.

It learns from groups alone, never from a mask, on the same patients, folds and inner split as the
networks. Its Grad-CAM maps are made in `mlloop/activation.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlloop.checkpoint import (
    Card,
    EpochRecord,
    TrainingState,
    drop_state,
    restore,
    save_state,
    write_member,
)
from mlloop.dataset import CaseReader, Split, batch_cases, seeded, split_cases, training_batch
from mlloop.detection import ScoredImage, auc
from mlloop.devices import Device
from mlloop.errors import LearningError, Stop, Stopped
from mlloop.events import Emit
from mlloop.manifest import Case, NetworkPlan, Plan, TrainManifest
from mlloop.networks import untrained_encoder, with_coordinates
from mlloop.schedule import epoch_ends, learning_rate
from mlloop.weights import load_initial, load_trained

_LEAST_PLACES = 7  # a side of the paper's maps: 224 px through five halvings
_BATCH = 16


class Classifier(nn.Module):
    """A radiograph `(N, 1, grid, grid)` in 0..1 to the logit of covid `(N, 1)`.

    `features` holds the places of the last stage, which Grad-CAM weighs.
    """

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.features = nn.Identity()
        self.head = nn.Linear(channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Average the last stage over all places and weigh its channels."""
        last = self.features(self.encoder(with_coordinates(image, patch=1))[-1])
        logits: Tensor = self.head(last.float().mean((2, 3)))
        return logits


def classifier_depth(grid: int) -> int:
    """Return the encoder stages, 3 to 5, that leave maps of at least 7 places a side.

    A small grid through all five would leave Grad-CAM four places or fewer: no fair rival.
    """
    return max([depth for depth in (4, 5) if grid / 2**depth >= _LEAST_PLACES], default=3)


def build_classifier(network: NetworkPlan, grid: int) -> Classifier:
    """Build a classifier with fresh weights, drawn from torch's current random state.

    Its encoder then takes the initial weights of the network. Raises LearningError.
    """
    classifier = untrained_classifier(network, grid)
    load_initial(classifier.encoder, _encoder_plan(network, grid))
    return classifier


def untrained_classifier(network: NetworkPlan, grid: int) -> Classifier:
    """Build a classifier of this shape without initial weights: others are loaded next."""
    classifier = Classifier(*untrained_encoder(_encoder_plan(network, grid)))
    return classifier.to(memory_format=torch.channels_last)


def _encoder_plan(network: NetworkPlan, grid: int) -> NetworkPlan:
    """Return the network with the classifier's stages, and a place for every pixel."""
    return replace(network, patch=1, decoder_channels=(1,) * classifier_depth(grid))


@dataclass(frozen=True, slots=True)
class _Run:
    manifest: TrainManifest
    plan: Plan
    seed: int
    device: Device
    reader: CaseReader
    split: Split
    emit: Emit


def train_classifier(
    manifest: TrainManifest, out: Path, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Train the encoder of `manifest.network` to tell covid from the rest, for the plan's steps.

    Resumable like `train_member`. Raises LearningError, or Stopped after saving.
    """
    name = classifier_name(manifest.network.encoder)
    if (out / "card.json").exists():
        drop_state(out)
        emit("done", network=name, fold=manifest.fold, finished_before=True)
        return
    started = time.monotonic()
    run = _prepare(manifest, device, emit)
    state = restore(_fresh_state(run), out / "state", run.reader.loaded_patients)
    emit("start", network=name, fold=manifest.fold, step=state.step)
    ends = epoch_ends(run.plan)
    while state.step < run.plan.steps:
        state.losses.append(_step(run, state))
        state.step += 1
        if state.step in ends:
            _finish_epoch(run, state, ends[state.step], time.monotonic() - started)
            save_state(state, out / "state", run.reader.loaded_patients)
        if stop():
            save_state(state, out / "state", run.reader.loaded_patients)
            raise Stopped
    write_member(state, _card(run, state, time.monotonic() - started), out)
    emit("done", network=name, fold=manifest.fold, finished_before=False)


def classifier_name(encoder: str) -> str:
    """Name the classifier with this encoder in events, cards and folders."""
    return f"classifier-{encoder}"


def load_classifier(folder: Path, sha256: str, network: NetworkPlan, grid: int) -> Classifier:
    """Load the trained classifier of a network for inference, or raise LearningError."""
    name = classifier_name(network.encoder)
    tensors = load_trained(folder / "weights.safetensors", sha256, name)
    classifier = untrained_classifier(network, grid)
    classifier.load_state_dict(tensors)
    return classifier.eval()


def _prepare(manifest: TrainManifest, device: Device, emit: Emit) -> _Run:
    plan = replace(manifest.plan, positive_share=0.5)  # both groups weigh the same
    reader = CaseReader(grid=plan.grid)
    split = _by_group(split_cases(manifest.cases, plan, reader))
    if not split.positives or not split.negatives:
        raise LearningError(
            "one_class",
            "A classifier needs images of both groups, covid and others, outside each fold; here"
            f" are {len(split.positives)} of covid and {len(split.negatives)} of others. Add"
            " controls to the metadata, or leave it out with --classifiers none.",
        )
    name = classifier_name(manifest.network.encoder)
    seed = int(seeded(plan.seed, "member", name, manifest.fold).integers(2**32))
    return _Run(manifest, plan, seed, device, reader, split, emit)


def _by_group(split: Split) -> Split:
    """Sort by what a classifier is told: the group. An infected film may have an empty mask."""
    cases = [*split.positives, *split.negatives]
    return Split(
        positives=tuple(case for case in cases if is_covid(case)),
        negatives=tuple(case for case in cases if not is_covid(case)),
        inner=split.inner,
    )


def is_covid(case: Case) -> bool:
    """Tell the class of a case."""
    return case.group == "covid"


def _fresh_state(run: _Run) -> TrainingState:
    torch.manual_seed(run.seed)
    network = build_classifier(run.manifest.network, run.plan.grid)
    network = network.to(run.device.torch_device).train()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=run.plan.learning_rate, weight_decay=run.plan.weight_decay
    )
    return TrainingState(network, optimiser, averaged={})


def _step(run: _Run, state: TrainingState) -> float:
    cases = batch_cases(run.split, run.plan, run.seed, state.step)
    images, _ = training_batch(cases, run.reader, run.plan.augment, run.seed, state.step)
    device = run.device.torch_device
    target = torch.tensor([[float(is_covid(case))] for case in cases], device=device)
    with run.device.autocast():
        logits = state.network(images.to(device))
    loss = F.binary_cross_entropy_with_logits(logits.float(), target)
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(run.plan, state.step)
    state.optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimiser.step()
    return float(loss.item())


def _finish_epoch(run: _Run, state: TrainingState, epoch: int, seconds: float) -> None:
    """Keep the weights if the inner split is told apart as well as ever; ties go to the later."""
    inner = _inner_auc(run, state)
    if math.isnan(inner) or not state.best or inner >= state.best_dice:
        state.best_step, state.best_dice = state.step, 0.0 if math.isnan(inner) else inner
        tensors = state.network.state_dict()
        state.best = {name: value.detach().clone() for name, value in tensors.items()}
    loss = sum(state.losses) / len(state.losses)
    state.losses.clear()
    state.history.append(EpochRecord(epoch, state.step, loss, None))
    run.emit(
        "epoch",
        network=classifier_name(run.manifest.network.encoder),
        fold=run.manifest.fold,
        epoch=epoch,
        epochs=run.plan.epochs,
        loss=loss,
        inner_auc=None if math.isnan(inner) else inner,
        seconds=round(seconds, 2),
    )


def _inner_auc(run: _Run, state: TrainingState) -> float:
    cases = run.split.inner
    state.network.eval()
    scores = classify(state.network, cases, run.reader, run.device)
    state.network.train()
    scored = [
        ScoredImage(case.patient, "", is_covid(case), score)
        for case, score in zip(cases, scores, strict=True)
    ]
    return auc(scored, n_boot=0).value


@torch.inference_mode()
def classify(
    network: nn.Module, cases: Sequence[Case], reader: CaseReader, device: Device
) -> list[float]:
    """Return the probability of covid for each case."""
    found: list[float] = []
    for start in range(0, len(cases), _BATCH):
        images = np.stack([reader.image(case) for case in cases[start : start + _BATCH]])
        with device.autocast():
            logits = network(torch.from_numpy(images[:, None]).to(device.torch_device))
        found += logits.float().sigmoid()[:, 0].tolist()
    return found


def _card(run: _Run, state: TrainingState, seconds: float) -> Card:
    manifest, split = run.manifest, run.split
    return Card(
        network=classifier_name(manifest.network.encoder),
        decoder="classifier",
        encoder=manifest.network.encoder,
        fold=manifest.fold,
        k=manifest.k,
        seed=run.seed,
        threads=run.plan.threads,
        precision=run.device.precision,
        device=run.device.torch_device.type,
        plan_sha256=manifest.plan.sha256,
        loaded_patients=tuple(sorted(run.reader.loaded_patients)),
        n_images=len(manifest.cases),
        n_positive=len(split.positives),
        n_inner=len(split.inner),
        steps=state.step,
        best_step=state.best_step,
        inner_dice=None,
        parameters=sum(p.numel() for p in state.network.parameters()),
        seconds=seconds,
    )
