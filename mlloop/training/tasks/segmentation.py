"""The task of drawing a mask: learned from masks, scored by Dice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from mlloop.contract.architectures import TaskName
from mlloop.contract.manifest import Case, MemberRef, TrainManifest
from mlloop.contract.plan import Plan
from mlloop.figures.metrics import Counts, count_pixels, dice, pool_counts
from mlloop.networks.building import load_trained_network
from mlloop.networks.devices import Device
from mlloop.networks.losses import planned_loss
from mlloop.networks.predicting import fuse_batch_norms, predict
from mlloop.pixels.arrays import FloatArray
from mlloop.pixels.raster import quantise
from mlloop.training.augmentation import training_batch
from mlloop.training.case_reader import CaseReader
from mlloop.training.inner_split import Split, split_by_mask
from mlloop.training.loading import Batch
from mlloop.training.memory import Chunker
from mlloop.training.tasks.task import Run


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Draws a mask of one label."""

    name: TaskName = "segmentation"
    score_name: Literal["dice"] = "dice"
    keeps_average: bool = True

    def adapt_plan(self, plan: Plan) -> Plan:
        """Return the plan as it is."""
        return plan

    def split(self, manifest: TrainManifest, plan: Plan, reader: CaseReader) -> Split:
        """Split the cases by whether their mask is empty, and set whole patients aside."""
        taught = manifest.parent.taught if manifest.parent else ()
        return split_by_mask(manifest.cases, plan, reader, taught=frozenset(taught))

    def make_batch(self, cases: Sequence[Case], run: Run, step: int) -> Batch:
        """Return augmented images and the covered share of each place, moved in the same way."""
        return training_batch(cases, run.reader, run.plan.augment, run.seed, step)

    def target_shape(self, grid: int) -> tuple[int, ...]:
        """Return the size of a mask at the grid."""
        return (grid, grid)

    def loss(self, logits: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        """Return the loss that the plan names."""
        return planned_loss(logits, targets, plan)

    def score(self, network: nn.Module, run: Run) -> float:
        """Return the pooled Dice at the plan's threshold."""
        chunker = Chunker(run.device, run.emit)

        def forward(images: FloatArray) -> FloatArray:
            return predict(network, images, run.plan, run.device)

        def count(case: Case) -> Counts:
            probability = chunker.map_images(forward, run.reader.read_image(case)[None])[0]
            truth = run.reader.read_target(case) >= np.float32(0.5)
            return count_pixels(quantise(probability) >= run.plan.threshold, truth)

        return dice(pool_counts([count(case) for case in run.split.inner]))

    def load(self, member: MemberRef, plan: Plan, device: Device) -> nn.Module:
        """Load a trained network, with its batch norms folded into its convolutions."""
        network = load_trained_network(member, plan).eval()
        fuse_batch_norms(network)
        return network.to(memory_format=torch.channels_last).to(device.torch_device)

    def predict_maps(
        self, network: nn.Module, images: FloatArray, plan: Plan, device: Device
    ) -> FloatArray:
        """Return the probability of the label at each place."""
        return predict(network, images, plan, device)


TASK = Segmentation()
