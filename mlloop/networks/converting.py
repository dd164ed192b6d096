"""Convert a checkpoint, in safetensors or by torch.save, to initial weights of an encoder.

No other file opens files of torch.save. Only tensors and plain values are read. A file with code
is refused, and its code is not run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from mlloop.contract.errors import LearningError
from mlloop.contract.events import Emit
from mlloop.contract.network_plan import IMAGENET
from mlloop.networks.encoders.building import build_colour_encoder
from mlloop.networks.weights import (
    DOWNLOADED_STAGES,
    fetch_imagenet,
    load_tensors,
    save_tensors,
)

_WRAPPERS = ("state_dict", "model_state_dict", "model")
# Prefixes of an encoder in other programs, and of a timm encoder in SMP.
_PREFIXES = ("module.", "model.", "encoder.", "backbone.")
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")
_COUNTER = "num_batches_tracked"


def convert_weights(source: Path, target: Path, *, encoder: str, emit: Emit) -> None:
    """Write the weights of `encoder` from `source` to `target`, and report the unused tensors.

    If `source` is `imagenet`, the weights are downloaded.

    Understands DataParallel prefixes, a surrounding model, a wrapping `state_dict`, the names of
    timm's whole models, and the old names of DenseNet layers. Raises LearningError if the file is
    unsafe or does not fit.
    """
    if target.suffix != ".safetensors":
        raise LearningError("bad_target", f"{target.name} must end in .safetensors.")
    wanted = _encoder_state(encoder)
    if str(source) == IMAGENET:
        tensors = fetch_imagenet(encoder)
    else:
        tensors = _rename_tensors(_read_tensors(source), wanted, encoder)
    _require_fit(tensors, wanted, source.name, encoder)
    kept = {name: tensors.get(name, torch.zeros_like(value)) for name, value in wanted.items()}
    sha256 = save_tensors(target, kept)
    left_out = sorted(tensors.keys() - wanted.keys())
    emit(
        "converted",
        tensors=len(kept),
        left_out=", ".join(left_out[:5]),
        n_left_out=len(left_out),
        sha256=sha256,
        message=f"Give encoder_weights as file:{target.resolve()} in the plan; a server reads"
        " only files in its folder of encoder weights.",
    )


def _encoder_state(encoder: str) -> Mapping[str, Tensor]:
    try:
        state: Mapping[str, Tensor] = build_colour_encoder(encoder, DOWNLOADED_STAGES).state_dict()
    except (AssertionError, KeyError, RuntimeError, ValueError) as error:
        raise LearningError("unknown_encoder", f"The encoder {encoder} is not known.") from error
    return state


def _read_tensors(source: Path) -> dict[str, Tensor]:
    try:
        if source.suffix == ".safetensors":
            return load_tensors(source)
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise LearningError(
            "no_checkpoint", f"{source.name} cannot be read: {error.strerror}."
        ) from error
    except SafetensorError as error:
        raise LearningError("bad_checkpoint", f"{source.name} is damaged: {error}.") from error
    except Exception as error:  # a damaged or hostile file can raise any error
        raise LearningError(
            "unsafe_checkpoint",
            f"{source.name} is damaged or holds more than tensors and plain values, and was not"
            " run. Load it where you trust it and save its state_dict alone with torch.save.",
        ) from error
    for name in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            loaded = loaded[name]
    state = loaded if isinstance(loaded, dict) else {}
    return {str(name): value for name, value in state.items() if isinstance(value, Tensor)}


def _rename_tensors(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], encoder: str
) -> dict[str, Tensor]:
    """Return the tensors under the encoder's names. Unknown tensors only lose their prefixes."""
    encoder_names = {_without_dots(_strip_name(name, encoder)): name for name in wanted}
    stripped = {_strip_name(name, encoder): value for name, value in tensors.items()}
    return {encoder_names.get(_without_dots(name), name): value for name, value in stripped.items()}


def _strip_name(name: str, encoder: str) -> str:
    prefixes = (*_PREFIXES, f"{encoder.removeprefix('tu-')}.")
    while prefix := next((p for p in prefixes if name.startswith(p)), ""):
        name = name.removeprefix(prefix)
    return _OLD_DENSENET.sub(r"\1\2.", name)


def _without_dots(name: str) -> str:
    """Return a name with underscores for dots.

    timm writes `features.conv0` in a whole model, but `features_conv0` in an encoder.
    """
    return name.replace(".", "_")


def _require_fit(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: str, encoder: str
) -> None:
    # Files older than torch 0.4 have no batch counts. Nothing here uses these counts.
    missing = [name for name in wanted if name not in tensors and not name.endswith(_COUNTER)]
    odd = [n for n, value in wanted.items() if n in tensors and tensors[n].shape != value.shape]
    if not missing and not odd:
        return
    about = f"has no {missing[0]}" if missing else f"has another shape of {odd[0]}"
    raise LearningError(
        "wrong_checkpoint",
        f"{source} does not fit {encoder}: it {about} ({len(missing)} of {len(wanted)} tensors are"
        f" missing, {len(odd)} have another shape).",
    )
