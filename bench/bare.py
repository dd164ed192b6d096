"""The bare loops: the smallest amount of work that a path needs, done with the libraries alone.

Imports nothing from `annotation` or `mlloop`. Otherwise the bench would compare the project with
itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from django.db import connection
from PIL import Image
from torch import Tensor, nn

FAMILIES = {
    "unet": smp.Unet,
    "unetplusplus": smp.UnetPlusPlus,
    "linknet": smp.Linknet,
    "manet": smp.MAnet,
}


def decode_and_hash(path: Path) -> str:
    """Read one file, decode it and return the sha256 of its pixels."""
    with Image.open(io.BytesIO(path.read_bytes())) as opened:
        pixels = np.asarray(opened)
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def decode_encode_write(png: bytes, path: Path) -> None:
    """Decode a 1-bit mask, encode it with 8 bits, and write it to disk."""
    with Image.open(io.BytesIO(png)) as opened:
        mask = opened.convert("L")
    out = io.BytesIO()
    mask.save(out, "PNG", compress_level=1)
    with path.open("wb") as handle:
        handle.write(out.getvalue())
        handle.flush()
        os.fsync(handle.fileno())


def query(sql: str, parameters: tuple[Any, ...]) -> list[tuple[object, ...]]:
    """Run one query and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def build_network(
    decoder: str, encoder: str, channels: tuple[int, ...], *, patch: int, device: torch.device
) -> nn.Module:
    """Return the library's network for the input that `stack_planes` makes, channels last."""
    shape = {} if decoder == "linknet" else {"decoder_channels": channels}
    body: nn.Module = FAMILIES[decoder](
        encoder,
        encoder_depth=len(channels),
        encoder_weights=None,
        in_channels=patch**2 + 2,
        classes=patch**2,
        **shape,
    )
    return body.to(device).to(memory_format=torch.channels_last)


def stack_planes(images: Tensor, patch: int) -> Tensor:
    """Return the pixels of each patch as planes: `(N, patch^2 + 2, H / patch, W / patch)`.

    The project's networks have two more planes with the coordinates. Here two copies take their
    place, because only the amount of work matters.
    """
    pixels = F.pixel_unshuffle(images, patch)
    planes = torch.cat([pixels, pixels[:, :1], pixels[:, :1]], dim=1)
    return planes.contiguous(memory_format=torch.channels_last)


class TrainingLoop:
    """A plain training loop: forward, loss, backward, step, on one batch in memory."""

    def __init__(
        self, body: nn.Module, images: Tensor, targets: Tensor, *, is_bfloat16: bool
    ) -> None:
        self._body = body.train()
        self._images = images
        self._targets = targets
        self._is_bfloat16 = is_bfloat16
        self._optimiser = torch.optim.AdamW(body.parameters(), lr=1e-3, weight_decay=0.01)
        self._dice = smp.losses.DiceLoss("binary")
        self._cross_entropy = nn.BCEWithLogitsLoss()

    def step(self) -> float:
        """Do one optimiser step and return the loss."""
        with autocast(self._images.device, is_bfloat16=self._is_bfloat16):
            logits = self._body(self._images)
        logits = logits.float()
        loss = self._cross_entropy(logits, self._targets) + self._dice(logits, self._targets)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        return float(loss.item())


@torch.inference_mode()
def forward(body: nn.Module, images: Tensor, *, is_bfloat16: bool) -> Tensor:
    """Return the logits of one forward pass of a batch that `stack_planes` made."""
    with autocast(images.device, is_bfloat16=is_bfloat16):
        logits: Tensor = body(images)
    return logits


def autocast(
    device: torch.device, *, is_bfloat16: bool
) -> contextlib.AbstractContextManager[object]:
    """Return a context that computes in bfloat16 if `is_bfloat16`, else in float32."""
    if not is_bfloat16:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
