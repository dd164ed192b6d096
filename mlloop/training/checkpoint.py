"""What a training run leaves on disk: its resumable state, and the finished member with its card.

Everything is safetensors and JSON by atomic rename. The JSON of a state names its tensor file and
is written last, so a kill between the two leaves the former state whole.
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
    "What this member is given to learn from has changed since step {}: its cases, their files, its"
    " parent or its plan. The saved state is dropped, and training begins anew."
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
    parts: int = 1  # that a batch is cut into, since memory ran out
    left_out: int = 0  # steps without a finite loss and gradient
    in_a_row: int = 0

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
    manifest_sha256: str = ""  # of states before this field: dropped
    parts: int = 1
    left_out: int = 0
    in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where the resumable state of one member lies, and what it has learned from.

    `manifest_sha256` is of everything handed over: cases, their files, parent and plan.
    """

    path: Path
    manifest_sha256: str
    loaded_patients: set[str]

    def save(self, state: TrainingState) -> None:
        """Save a resumable state and drop the former one."""
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
        """Bring a fresh state to where the last save left it.

        A missing or torn one starts anew. So does one of another manifest, said in an event: its
        weights have learned from somebody who was withdrawn since, or from another parent.
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
    """Read the JSON of a state; an earlier version called the score of every task `best_dice`."""
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
        # Kernels round differently by memory layout: moments take that of their parameter.
        for name, value in named.items():
            if value.shape == parameters[i].shape:
                named[name] = torch.empty_like(parameters[i], requires_grad=False).copy_(value)
    optimiser = state.optimiser.state_dict()
    state.optimiser.load_state_dict({**optimiser, "state": slots})


def _tensors_under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
