"""The interface of a task, for training and proposing. Each other module here is one task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor, nn

from mlloop.contract.architectures import TaskName
from mlloop.contract.events import Emit
from mlloop.contract.manifest import Case, MemberRef, TrainManifest
from mlloop.contract.plan import Plan
from mlloop.networks.devices import Device
from mlloop.pixels.arrays import FloatArray
from mlloop.training.case_reader import CaseReader
from mlloop.training.inner_split import Split
from mlloop.training.loading import Batch


class Task(Protocol):
    """The interface of everything that a network can learn."""

    @property
    def name(self) -> TaskName:
        """The name by which an architecture declares its task."""

    @property
    def score_name(self) -> Literal["dice", "auc"]:
        """The name of the score. The events call its value `inner_<score_name>`."""

    @property
    def keeps_average(self) -> bool:
        """Whether a member keeps the moving average of its weights, not the weights themselves."""

    def adapt_plan(self, plan: Plan, /) -> Plan:
        """Return the plan with the settings that this task fixes."""

    def split(self, manifest: TrainManifest, plan: Plan, reader: CaseReader, /) -> Split:
        """Split the cases by class, and set whole patients aside. Raises LearningError."""

    def make_batch(self, cases: Sequence[Case], run: Run, step: int, /) -> Batch:
        """Return augmented images `(N, 1, grid, grid)` and their targets, on the CPU."""

    def target_shape(self, grid: int, /) -> tuple[int, ...]:
        """Return the shape of one image's target, after its channel."""

    def loss(self, logits: Tensor, targets: Tensor, plan: Plan, /) -> Tensor:
        """Return the loss of a batch."""

    def score(self, network: nn.Module, run: Run, /) -> float:
        """Return the score of a network in evaluation mode on the inner split; NaN if unknown."""

    def load(self, member: MemberRef, plan: Plan, device: Device, /) -> nn.Module:
        """Load a trained member for inference, or raise LearningError."""

    def predict_maps(
        self, network: nn.Module, images: FloatArray, plan: Plan, device: Device, /
    ) -> FloatArray:
        """Return the proposed map, 0..1, of each image `(N, grid, grid)`."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that stays the same during one training run."""

    manifest: TrainManifest
    task: Task
    plan: Plan
    seed: int
    device: Device
    reader: CaseReader
    split: Split
    emit: Emit
    encoder_weights: str | None = None
