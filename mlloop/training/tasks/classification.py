"""A classifier, covid or not, with the encoder of a segmentation network: the paper's rival.

It learns from groups alone, never from a mask, on the same patients and folds as the networks. Its
Grad-CAM maps are made in `mlloop/networks/gradcam.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlloop.contract.errors import LearningError, Stop, Stopped
from mlloop.contract.events import Clock, Emit
from mlloop.contract.manifest import Case, MemberRef, TrainManifest
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.contract.records import digest
from mlloop.figures.detection import ScoredImage, auc
from mlloop.networks.devices import Device
from mlloop.networks.predicting import untrained_encoder, with_coordinates
from mlloop.networks.weights import initial_identity, load_initial, load_trained
from mlloop.pixels.arrays import FloatArray
from mlloop.training.checkpoint import (
    Card,
    EpochRecord,
    StateFolder,
    TrainingState,
    is_finished,
    write_member,
)
from mlloop.training.dataset import (
    NO_INNER,
    CaseReader,
    Split,
    batch_cases,
    split_by,
    training_batch,
)
from mlloop.training.loading import Batch
from mlloop.training.memory import Passes
from mlloop.training.schedule import epoch_ends, member_seed
from mlloop.training.steps import train_step

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
    """Return a network with the classifier's encoder and stages."""
    stages = (1,) * classifier_depth(grid)
    return replace(network, decoder="unet", decoder_channels=stages, label="infection")


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
    """Train the encoder of `manifest.network` to tell covid from the rest.

    Resumable like `train_member`. Raises LearningError, or Stopped after saving.
    """
    name = manifest.network.key
    if is_finished(manifest, out, emit):
        emit("done", network=name, fold=manifest.fold, finished_before=True)
        return
    started = time.monotonic()
    run = _prepare(manifest, device, emit)
    kept = StateFolder(out / "state", digest(manifest), run.reader.loaded_patients)
    state = kept.restore(_fresh_state(run), emit)
    emit("start", network=name, fold=manifest.fold, step=state.step)
    if not run.split.inner:
        emit("no_inner_split", message=NO_INNER)
    clock, ends = Clock(started, state.step, run.plan.steps), epoch_ends(run.plan)
    while state.step < run.plan.steps:
        batch = _batch(run, state.step)
        loss = train_step(state, batch, run.plan, device, emit, loss_of=group_loss)
        if loss is not None:
            state.losses.append(loss)
        state.step += 1
        if state.step in ends:
            _finish_epoch(run, state, ends[state.step], clock)
            kept.save(state)
        if stop():
            kept.save(state)
            raise Stopped
    write_member(state, _card(run, state, time.monotonic() - started), out)
    emit("done", network=name, fold=manifest.fold, finished_before=False)


def load_classifier(member: MemberRef, plan: Plan, device: Device) -> Classifier:
    """Load a trained classifier for inference, or refuse weights that are not the ones recorded."""
    name = f"{member.network}, fold {member.fold}"
    tensors = load_trained(Path(member.weights_path), member.weights_sha256, name)
    classifier = untrained_classifier(plan.network(member.network), plan.grid)
    classifier.load_state_dict(tensors)
    return classifier.to(device.torch_device).eval()


def _prepare(manifest: TrainManifest, device: Device, emit: Emit) -> _Run:
    plan = manifest.plan.with_steps_of(manifest.network)
    plan = replace(plan, positive_share=0.5)  # both groups weigh the same
    reader = CaseReader(grid=plan.grid)
    covid = {case.image for case in manifest.cases if is_covid(case)}
    split = split_by(manifest.cases, covid, plan)
    if not split.positives or not split.negatives:
        raise LearningError(
            "one_class",
            "A classifier needs images of both groups, covid and others, outside each fold; here"
            f" are {len(split.positives)} of covid and {len(split.negatives)} of others. Add"
            " controls to the metadata, or leave the classifier out.",
        )
    return _Run(manifest, plan, member_seed(manifest), device, reader, split, emit)


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


def _batch(run: _Run, step: int) -> Batch:
    cases = batch_cases(run.split, run.plan, run.seed, step)
    images, _ = training_batch(cases, run.reader, run.plan.augment, run.seed, step)
    return images, torch.tensor([[float(is_covid(case))] for case in cases])


def group_loss(logits: Tensor, target: Tensor, _plan: Plan) -> Tensor:
    """Return the mean cross-entropy of the groups, `(N, 1)` each."""
    return F.binary_cross_entropy_with_logits(logits.float(), target)


def _finish_epoch(run: _Run, state: TrainingState, epoch: int, clock: Clock) -> None:
    """Keep the weights if the inner split is told apart as well as ever; ties go to the later."""
    inner = _inner_auc(run, state)
    if math.isnan(inner) or not state.best or inner >= state.best_dice:
        state.best_step, state.best_dice = state.step, 0.0 if math.isnan(inner) else inner
        tensors = state.network.state_dict()
        state.best = {name: value.detach().clone() for name, value in tensors.items()}
    loss = sum(state.losses) / len(state.losses) if state.losses else None
    state.losses.clear()
    state.history.append(EpochRecord(epoch, state.step, loss, None))
    run.emit(
        "epoch",
        network=run.manifest.network.key,
        fold=run.manifest.fold,
        epoch=epoch,
        epochs=run.plan.epochs,
        loss=loss,
        inner_auc=None if math.isnan(inner) else inner,
        **clock.read(state.step),
    )


def _inner_auc(run: _Run, state: TrainingState) -> float:
    cases = run.split.inner
    state.optimiser.zero_grad()  # a look then needs no more memory than a step
    state.network.eval()
    found = classify(state.network, cases, run.reader, run.device, run.emit)
    scored = [ScoredImage(case.patient, "", is_covid(case), score) for case, score in found]
    state.network.train()
    return auc(scored, n_boot=0).value


def classify(
    network: nn.Module, cases: Sequence[Case], reader: CaseReader, device: Device, emit: Emit
) -> Iterator[tuple[Case, float]]:
    """Yield each case with its probability of covid."""

    def forward(images: FloatArray) -> list[float]:
        with torch.inference_mode(), device.autocast():
            logits = network(torch.from_numpy(images[:, None]).to(device.torch_device))
        found: list[float] = logits.float().sigmoid()[:, 0].tolist()
        return found

    passes = Passes(device, emit)
    for start in range(0, len(cases), _BATCH):
        chunk = cases[start : start + _BATCH]
        images = np.stack([reader.image(case) for case in chunk])
        yield from zip(chunk, passes.through(forward, images), strict=True)


def _card(run: _Run, state: TrainingState, seconds: float) -> Card:
    manifest, split = run.manifest, run.split
    return Card(
        network=manifest.network.key,
        decoder=manifest.network.decoder,
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
        inner_patients=split.inner_patients,
        steps=state.step,
        best_step=state.best_step,
        inner_dice=None,
        parameters=sum(p.numel() for p in state.network.parameters()),
        seconds=seconds,
        parts=state.parts,
        left_out=state.left_out,
        encoder_weights=initial_identity(manifest.network),
    )
