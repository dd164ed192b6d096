"""The tasks that a network can learn, one module for each, and the choice between them.

A new task is a module with a `TASK`, its line in `TASKS`, and its name in the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import nn

from mlloop.contract.architectures import ARCHITECTURES, TaskName
from mlloop.contract.manifest import MemberRef
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Plan
from mlloop.networks.devices import Device
from mlloop.training.tasks import classification, segmentation
from mlloop.training.tasks.task import Task

_TASKS: tuple[Task, ...] = (segmentation.TASK, classification.TASK)
TASKS: Mapping[TaskName, Task] = MappingProxyType({task.name: task for task in _TASKS})


def task_of(network: NetworkPlan) -> Task:
    """Return the task that the architecture of a network declares."""
    return TASKS[ARCHITECTURES[network.decoder].task]


def load_member(member: MemberRef, plan: Plan, device: Device) -> nn.Module:
    """Load a trained member for inference, or raise LearningError if its weights changed."""
    return task_of(plan.network(member.network)).load(member, plan, device)
