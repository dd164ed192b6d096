"""The folder of a finished member: its weights, its history and its card."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import segmentation_models_pytorch
import torch

from mlloop.contract.events import Emit
from mlloop.contract.manifest import TrainManifest
from mlloop.contract.records import FieldError, from_plain, read_json, write_json
from mlloop.networks.weights import save_tensors
from mlloop.training.checkpoint import TrainingState

_OTHER_MEMBER = (
    "The member that was finished here has learned from a case or a parent that it is given no"
    " more. It is dropped, and training begins anew."
)


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
    score: float | None = None  # on the inner split, of the epoch that was kept
    score_name: str = ""  # `dice` or `auc`; cards written before this field have ""


def is_finished(manifest: TrainManifest, out: Path, emit: Emit) -> bool:
    """Tell whether the member that a manifest asks for lies in `out`, and drop what else does.

    A member of other cases or another parent is dropped, said in an event: somebody was withdrawn
    between its end and now.
    """
    try:
        card = from_plain(Card, read_json(out / "card.json"))
    except FieldError:
        return False
    parent = manifest.parent.weights_sha256 if manifest.parent else None
    patients = {case.patient for case in manifest.cases}
    if (
        card.parent == parent
        and card.n_images == len(manifest.cases)
        and patients.issuperset(card.loaded_patients)
    ):
        drop_state(out)
        return True
    (out / "card.json").unlink()
    emit("member_dropped", message=_OTHER_MEMBER)
    return False


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
