"""The torch-free table of architectures has the same names as the modules that build them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

import mlloop.networks.architectures as folder
from mlloop.contract.architectures import ARCHITECTURES, Decoder, TaskName
from mlloop.contract.network_plan import NetworkPlan
from mlloop.networks.architectures.registry import BUILDERS
from mlloop.training.tasks import TASKS, task_of


def test_architectures_when_declared_have_a_builder_and_no_builder_is_undeclared() -> None:
    assert set(ARCHITECTURES) == set(BUILDERS) == set(get_args(Decoder))


def test_architectures_when_registered_are_in_a_module_of_their_name() -> None:
    modules = {path.stem for path in Path(folder.__path__[0]).glob("*.py")}
    assert modules - {"__init__", "registry"} == set(BUILDERS)


def test_tasks_when_declared_exist_and_every_architecture_uses_one() -> None:
    assert set(TASKS) == set(get_args(TaskName))
    assert set(TASKS) == {architecture.task for architecture in ARCHITECTURES.values()}


@pytest.mark.parametrize("name", get_args(Decoder))
def test_task_of_a_network_is_the_one_that_its_architecture_declares(name: Decoder) -> None:
    declared = ARCHITECTURES[name]
    stages = () if declared.stages is None else (8,) * declared.stages[0]
    network = NetworkPlan("n", name, "tu-resnet10t", stages, label=declared.labels[0])
    assert task_of(network).name == declared.task
