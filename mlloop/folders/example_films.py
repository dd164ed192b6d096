"""Draws example films for the report: film, expert mask, network and Grad-CAM in each line."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlloop.figures.metrics import dice
from mlloop.folders.cases import FolderCase
from mlloop.folders.scoring import Row
from mlloop.pixels.arrays import ByteArray
from mlloop.pixels.overlays import (
    EXPERT_COLOUR,
    NETWORK_COLOUR,
    Rgb,
    decode_film,
    overlay_map,
    overlay_mask,
)
from mlloop.pixels.raster import threshold_mask
from mlloop.training.case_reader import read_truth
from mlloop.training.tasks.classification import is_covid

_QUANTILES = (0.9, 0.7, 0.5, 0.3, 0.1)


@dataclass(frozen=True, slots=True)
class Example:
    """One film of the picture: a network's map, its threshold, and a Grad-CAM map or None."""

    film: FolderCase
    dice: float
    p8: ByteArray
    t8: int
    activation: ByteArray | None


def choose_examples(row: Row) -> list[int]:
    """Return the indices of infected films from good to bad, and of one control.

    The infected films have fixed ranks of Dice per image, so that the choice does not flatter the
    network. The control has the most false positive pixels.
    """
    values = [dice(image.counts) if image.is_covid else math.nan for image in row.images]
    ranked = sorted((v, i) for i, v in enumerate(values) if not math.isnan(v))
    places = [ranked[round(q * (len(ranked) - 1))][1] for q in _QUANTILES] if ranked else []
    controls = [i for i, image in enumerate(row.images) if not image.is_covid]
    worst = sorted(controls, key=lambda i: (-row.images[i].counts.fp, i))[:1]
    return [*dict.fromkeys(places), *worst]


def draw_examples(examples: Sequence[Example], network: str) -> bytes:
    """Return the picture as PNG, a line for each film. The same maps give the same bytes."""
    has_cam = any(example.activation is not None for example in examples)
    heads = ["film", "expert mask", f"{network} (map and mask)", *["Grad-CAM"] * has_cam]
    figure = Figure(figsize=(2.6 * len(heads), 2.6 * len(examples)), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(examples), len(heads), squeeze=False)
    for line, example in zip(axes, examples, strict=True):
        for axis, picture in zip(line, _pictures(example, has_cam), strict=True):
            axis.imshow(picture)
            axis.set_xticks([])
            axis.set_yticks([])
        name = f"Dice {example.dice:.2f}" if is_covid(example.film.case) else "control"
        line[0].set_ylabel(name, fontsize=9)
    for axis, head in zip(axes[0], heads, strict=True):
        axis.set_title(head, fontsize=9)
    figure.tight_layout(pad=0.4)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _pictures(example: Example, has_cam: bool) -> list[Rgb]:
    case = example.film.case
    shown = decode_film(Path(case.image_path).read_bytes())
    mask = threshold_mask(example.p8, shape=(case.height, case.width), t8=example.t8)
    pictures = [
        shown,
        overlay_mask(shown, read_truth(case), EXPERT_COLOUR),
        overlay_mask(overlay_map(shown, example.p8), mask, NETWORK_COLOUR),
    ]
    if has_cam:
        pictures.append(
            shown if example.activation is None else overlay_map(shown, example.activation)
        )
    return pictures
