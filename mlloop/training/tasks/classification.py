"""The task of classifying films as covid or not. It is learned from groups and scored by AUC.

It uses the same patients and folds as segmentation, but no masks. Its maps are Grad-CAM maps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlloop.contract.architectures import TaskName
from mlloop.contract.errors import LearningError
from mlloop.contract.events import Emit
from mlloop.contract.manifest import Case, MemberRef, TrainManifest
from mlloop.contract.plan import Plan
from mlloop.figures.detection import ScoredImage, auc
from mlloop.networks.building import load_trained_network
from mlloop.networks.devices import Device
from mlloop.networks.gradcam import activation_maps
from mlloop.pixels.arrays import FloatArray
from mlloop.training.augmentation import training_batch
from mlloop.training.case_reader import CaseReader
from mlloop.training.inner_split import Split, split_by_positives
from mlloop.training.loading import Batch
from mlloop.training.memory import Chunker
from mlloop.training.tasks.task import Run

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Classification:
    """Classifies a film as covid or not."""

    name: TaskName = "classification"
    score_name: Literal["auc"] = "auc"
    keeps_average: bool = False

    def adapt_plan(self, plan: Plan) -> Plan:
        """Return a plan that draws both groups equally often and may keep any epoch."""
        return replace(plan, positive_share=0.5, inner_from=0.0)

    def split(self, manifest: TrainManifest, plan: Plan, _reader: CaseReader) -> Split:
        """Split the cases by group, and set whole patients aside.

        Raises LearningError if there is only one group.
        """
        covid = {case.image for case in manifest.cases if is_covid(case)}
        split = split_by_positives(manifest.cases, covid, plan)
        if not split.positives or not split.negatives:
            raise LearningError(
                "one_class",
                "A classifier needs images of both groups, covid and others, outside each fold."
                f" There are {len(split.positives)} of covid and {len(split.negatives)} of others."
                " Add controls to the metadata, or leave the classifier out.",
            )
        return split

    def make_batch(self, cases: Sequence[Case], run: Run, step: int) -> Batch:
        """Return augmented images and 1 for covid, 0 for the rest, `(N, 1)`."""
        images, _ = training_batch(cases, run.reader, run.plan.augment, run.seed, step)
        return images, torch.tensor([[float(is_covid(case))] for case in cases])

    def target_shape(self, _grid: int) -> tuple[int, ...]:
        """Return the shape of a single number."""
        return ()

    def loss(self, logits: Tensor, targets: Tensor, _plan: Plan) -> Tensor:
        """Return the mean cross-entropy of the groups, `(N, 1)` each."""
        return F.binary_cross_entropy_with_logits(logits.float(), targets)

    def score(self, network: nn.Module, run: Run) -> float:
        """Return the AUC of the probabilities of covid; NaN if a group is missing."""
        classified = classify(network, run.split.inner, run.reader, run.device, run.emit)
        scored = [ScoredImage(case.patient, "", is_covid(case), p) for case, p in classified]
        return auc(scored, n_boot=0).value

    def load(self, member: MemberRef, plan: Plan, device: Device) -> nn.Module:
        """Load a trained classifier."""
        return load_trained_network(member, plan).to(device.torch_device).eval()

    def predict_maps(
        self, network: nn.Module, images: FloatArray, _plan: Plan, device: Device
    ) -> FloatArray:
        """Return Grad-CAM maps: they show where the classifier looked."""
        return activation_maps(network, images, device)[0]


TASK = Classification()


def is_covid(case: Case) -> bool:
    """Return whether a case belongs to the group covid."""
    return case.group == "covid"


def classify(
    network: nn.Module, cases: Sequence[Case], reader: CaseReader, device: Device, emit: Emit
) -> Iterator[tuple[Case, float]]:
    """Yield each case with its probability of covid."""

    def forward(images: FloatArray) -> list[float]:
        with torch.inference_mode(), device.autocast():
            logits = network(torch.from_numpy(images[:, None]).to(device.torch_device))
        probabilities: list[float] = logits.float().sigmoid()[:, 0].tolist()
        return probabilities

    chunker = Chunker(device, emit)
    for start in range(0, len(cases), _BATCH):
        chunk = cases[start : start + _BATCH]
        images = np.stack([reader.read_image(case) for case in chunk])
        yield from zip(chunk, chunker.map_images(forward, images), strict=True)
