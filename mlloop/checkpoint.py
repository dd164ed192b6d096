"""What a training run leaves on disk: its resumable state, and the finished member with its card.

Everything is safetensors and JSON by atomic rename. The JSON of a state names its tensor file and
is written last, so a kill between the two leaves the former state whole.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import segmentation_models_pytorch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from mlloop.records import FieldError, from_plain, read_json, write_json
from mlloop.weights import load_tensors, save_tensors


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
    best_dice: float = 0.0
    parts: int = 1  # that a batch is cut into, since memory ran out
    left_out: int = 0  # steps without a finite loss and gradient
    in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Versions:
    """The libraries that the weights depend on."""

    torch: str = torch.__version__
    smp: str = segmentation_models_pytorch.__version__


@dataclass(frozen=True, slots=True)
class Card:
    """What a member is and whom it has seen. Only `seconds` differs between equal runs."""

    network: str
    decoder: str
    encoder: str
    fold: int
    k: int
    seed: int
    threads: int
    precision: str
    device: str
    plan_sha256: str
    loaded_patients: tuple[str, ...]
    n_images: int
    n_positive: int
    n_inner: int
    steps: int
    best_step: int
    inner_dice: float | None
    parameters: int
    seconds: float
    schema: int = 1
    parent: str | None = None
    parent_patients: tuple[str, ...] = ()
    inner_patients: tuple[str, ...] = ()  # loaded, but never learned from
    weights_sha256: str = ""
    versions: Versions = field(default_factory=Versions)
    parts: int = 1
    left_out: int = 0
    encoder_weights: str | None = None  # `imagenet`, or the sha256 of the file it began with


@dataclass(frozen=True, slots=True)
class _SavedState:
    step: int
    losses: tuple[float, ...]
    history: tuple[EpochRecord, ...]
    best_step: int
    best_dice: float
    loaded_patients: tuple[str, ...]
    tensors: str
    parts: int = 1
    left_out: int = 0
    in_a_row: int = 0


def save_state(state: TrainingState, folder: Path, loaded_patients: set[str]) -> None:
    """Save a resumable state and drop the former one."""
    name = f"step-{state.step}.safetensors"
    save_tensors(folder / name, _tensors(state))
    saved = _SavedState(
        step=state.step,
        losses=tuple(state.losses),
        history=tuple(state.history),
        best_step=state.best_step,
        best_dice=state.best_dice,
        loaded_patients=tuple(sorted(loaded_patients)),
        tensors=name,
        parts=state.parts,
        left_out=state.left_out,
        in_a_row=state.in_a_row,
    )
    write_json(folder / "state.json", saved)
    for old in folder.glob("step-*.safetensors"):
        if old.name != name:
            old.unlink(missing_ok=True)


def restore(fresh: TrainingState, folder: Path, loaded_patients: set[str]) -> TrainingState:
    """Bring a fresh state to where the last save left it; a missing or torn one starts
    anew."""
    try:
        saved = from_plain(_SavedState, read_json(folder / "state.json"))
        tensors = load_tensors(folder / saved.tensors)
    except (FieldError, OSError, SafetensorError):
        return fresh
    _copy_into(fresh, tensors)
    loaded_patients.update(saved.loaded_patients)
    return replace(
        fresh,
        step=saved.step,
        losses=list(saved.losses),
        history=list(saved.history),
        best=_part(tensors, "best."),
        best_step=saved.best_step,
        best_dice=saved.best_dice,
        parts=saved.parts,
        left_out=saved.left_out,
        in_a_row=saved.in_a_row,
    )


def write_member(state: TrainingState, card: Card, out: Path) -> Card:
    """Write weights, history and, last of all, the card that says the member is finished."""
    sha256 = save_tensors(out / "weights.safetensors", state.best)
    write_json(out / "history.json", {"schema": 1, "epochs": state.history})
    card = replace(card, weights_sha256=sha256)
    write_json(out / "card.json", card)
    drop_state(out)
    return card


def drop_state(out: Path) -> None:
    """Remove the resumable state of a finished member: it is four times its weights."""
    shutil.rmtree(out / "state", ignore_errors=True)


def _tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {"rng": torch.get_rng_state()}
    tensors |= {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in state.averaged.items()}
    tensors |= {f"best.{k}": v for k, v in state.best.items()}
    for i, slots in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in slots.items()}
    return tensors


def _copy_into(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    torch.set_rng_state(tensors["rng"])
    state.network.load_state_dict(_part(tensors, "network."))
    for name, value in _part(tensors, "averaged.").items():
        state.averaged[name].copy_(value)
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimiser.").items():
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


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
