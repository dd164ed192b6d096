"""Save the state of a training run, and restore it in a later process.

The tensors are safetensors and the rest is JSON, each written by atomic rename. The JSON names its
tensor file and is written last. A kill between the two writes keeps the earlier state intact.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from mlloop.contract.events import Emit
from mlloop.contract.records import FieldError, from_plain, read_json, write_json
from mlloop.networks.weights import load_tensors, save_tensors

_OTHER_STATE = (
    "The training data of this member changed after step {}: its cases, their files, its parent or"
    " its plan. The saved state is deleted, and training starts again from step 0."
)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One line of history.json."""

    epoch: int
    step: int
    loss: float | None
    inner_dice: float | None


@dataclass(slots=True)
class TrainingState:
    """Everything that changes during training. The random draws depend on `step` alone."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    averaged: dict[str, Tensor]
    step: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[EpochRecord] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0
    best_score: float = 0.0
    parts: int = 1  # pieces of a batch; more than 1 after memory ran out
    left_out: int = 0  # steps without a finite loss and gradient
    in_a_row: int = 0  # left-out steps since the last good step

    def copy_weights(self) -> dict[str, Tensor]:
        """Return a copy of the network's weights and batch statistics."""
        tensors = self.network.state_dict()
        return {name: value.detach().clone() for name, value in tensors.items()}


@dataclass(frozen=True, slots=True)
class _SavedState:
    step: int
    losses: tuple[float, ...]
    history: tuple[EpochRecord, ...]
    best_step: int
    best_score: float
    loaded_patients: tuple[str, ...]
    tensors: str
    manifest_sha256: str = ""  # empty in states older than this field: they are deleted
    parts: int = 1
    left_out: int = 0
    in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The folder with the resumable state of one member.

    `manifest_sha256` is the hash of the manifest: cases, their files, parent and plan.
    """

    path: Path
    manifest_sha256: str
    loaded_patients: set[str]

    def save(self, state: TrainingState) -> None:
        """Write a resumable state, then delete the earlier one."""
        name = f"step-{state.step}.safetensors"
        save_tensors(self.path / name, _collect_tensors(state))
        saved = _SavedState(
            step=state.step,
            losses=tuple(state.losses),
            history=tuple(state.history),
            best_step=state.best_step,
            best_score=state.best_score,
            loaded_patients=tuple(sorted(self.loaded_patients)),
            tensors=name,
            manifest_sha256=self.manifest_sha256,
            parts=state.parts,
            left_out=state.left_out,
            in_a_row=state.in_a_row,
        )
        write_json(self.path / "state.json", saved)
        for old in self.path.glob("step-*.safetensors"):
            if old.name != name:
                old.unlink(missing_ok=True)

    def restore(self, fresh: TrainingState, emit: Emit) -> TrainingState:
        """Return the last saved state, copied into `fresh`; return `fresh` as it is without one.

        A missing or damaged state is ignored. A state of another manifest is deleted and reported
        in an event, because its weights may have learned from a patient who was withdrawn later.
        """
        try:
            saved = _read_saved(self.path / "state.json")
            tensors = load_tensors(self.path / saved.tensors)
        except (FieldError, OSError, SafetensorError):
            return fresh
        if saved.manifest_sha256 != self.manifest_sha256:
            shutil.rmtree(self.path)
            emit("state_dropped", step=saved.step, message=_OTHER_STATE.format(saved.step))
            return fresh
        _copy_into(fresh, tensors)
        self.loaded_patients.update(saved.loaded_patients)
        return replace(
            fresh,
            step=saved.step,
            losses=list(saved.losses),
            history=list(saved.history),
            best=_tensors_under(tensors, "best."),
            best_step=saved.best_step,
            best_score=saved.best_score,
            parts=saved.parts,
            left_out=saved.left_out,
            in_a_row=saved.in_a_row,
        )


def _read_saved(path: Path) -> _SavedState:
    """Read the JSON of a state. An earlier version called the score of every task `best_dice`."""
    data = read_json(path)
    if isinstance(data, dict) and "best_dice" in data:
        data["best_score"] = data.pop("best_dice")
    return from_plain(_SavedState, data)


def _collect_tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {"rng": torch.get_rng_state()}
    tensors |= {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in state.averaged.items()}
    tensors |= {f"best.{k}": v for k, v in state.best.items()}
    for i, slots in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in slots.items()}
    return tensors


def _copy_into(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    torch.set_rng_state(tensors["rng"])
    state.network.load_state_dict(_tensors_under(tensors, "network."))
    for name, value in _tensors_under(tensors, "averaged.").items():
        state.averaged[name].copy_(value)
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _tensors_under(tensors, "optimiser.").items():
        index, name = key.split(".", 1)
        slots.setdefault(int(index), {})[name] = value
    parameters = list(state.network.parameters())
    for i, named in slots.items():
        # Kernels round differently for each memory layout: use the layout of the parameter.
        for name, value in named.items():
            if value.shape == parameters[i].shape:
                named[name] = torch.empty_like(parameters[i], requires_grad=False).copy_(value)
    optimiser = state.optimiser.state_dict()
    state.optimiser.load_state_dict({**optimiser, "state": slots})


def _tensors_under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
