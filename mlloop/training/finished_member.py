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
    "The finished member in this folder learned from a case or a parent that is no longer in the"
    " manifest. Its card is deleted, and training starts again from step 0."
)


@dataclass(frozen=True, slots=True)
class Versions:
    """The libraries that the weights depend on."""

    torch: str = torch.__version__
    smp: str = segmentation_models_pytorch.__version__


@dataclass(frozen=True, slots=True)
class Card:
    """How a member was made, and the patients whose files it read.

    Two runs of the same manifest differ only in `seconds`.
    """

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
    inner_patients: tuple[
        str, ...
    ] = ()  # their files were read, but the network never learned from them
    weights_sha256: str = ""
    versions: Versions = field(default_factory=Versions)
    parts: int = 1
    left_out: int = 0
    encoder_weights: str | None = None  # sha256 of the file or download; old cards: `imagenet`
    score: float | None = None  # of the kept epoch, on the inner split
    score_name: str = ""  # `dice` or `auc`; cards written before this field have ""


def is_finished(manifest: TrainManifest, out: Path, emit: Emit) -> bool:
    """Return whether `out` holds the finished member of this manifest.

    The card of a member with other cases or another parent is deleted, and an event reports it: a
    patient may have been withdrawn after its training.
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
    """Write the weights and the history, then the card. Return the card with the weights' hash.

    The card is written last, because it marks the member as finished.
    """
    sha256 = save_tensors(out / "weights.safetensors", state.best)
    write_json(out / "history.json", {"schema": 1, "epochs": state.history})
    card = replace(card, weights_sha256=sha256)
    write_json(out / "card.json", card)
    drop_state(out)
    return card


def drop_state(out: Path) -> None:
    """Delete the resumable state of a finished member: it is four times as large as its weights."""
    shutil.rmtree(out / "state", ignore_errors=True)
