"""Find the lung mask of a released image, and grade the released infection mask in it.

The lung mask is a lung reference, or the ensemble's proposal of the round that served when the
release was requested. The stored selection names both. Neither row ever changes, so a second run
gives the same result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from annotation import storage
from annotation.formats.released import ReleasedLung
from annotation.models import Image, Proposal, Reference, Round
from annotation.selectors.releases.selected import Selected
from annotation.selectors.releases.selection import Selection
from mlloop.contract.plan import SEVERITY_CUTOFFS, SMALLEST_LESION, Plan
from mlloop.pixels.masks import decode_mask, decode_probability, encode_mask
from mlloop.pixels.raster import threshold_mask
from mlloop.pixels.severity import measure_findings

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scale:
    """How severity is graded, from the serving round's plan.

    `cutoffs` are infected shares of the lungs at which the grades begin. `smallest_lesion` is the
    area of the smallest listed lesion, as a share of the image.
    """

    cutoffs: tuple[float, ...] = SEVERITY_CUTOFFS
    smallest_lesion: float = SMALLEST_LESION


def scale_of(selection: Selection) -> Scale:
    """Return the scale of the round that served when the release was requested."""
    round_id = selection.get("lung_round")
    if not round_id:
        return Scale()
    plan = Plan.from_json(Round.objects.get(pk=round_id).plan)
    return Scale(plan.severity_cutoffs, plan.smallest_lesion)


def measure_lung(selected: Selected, mask: Mask, scale: Scale) -> tuple[str, ReleasedLung] | None:
    """Return the key of the lung mask and its record; None if no lung mask is known.

    `mask` is the released infection mask, (H, W) bool.
    """
    if selected.lung is None:
        return None
    image = selected.image
    key, lung = _lung_mask(selected.lung, image)
    severity = measure_findings(
        mask,
        lung,
        cutoffs=scale.cutoffs,
        smallest_share=scale.smallest_lesion,
        spacing_mm=image.spacing_mm,
    )
    if isinstance(selected.lung, Reference):
        return key, ReleasedLung("reference", None, severity)
    return key, ReleasedLung("ensemble", selected.lung.round.number, severity)


def _lung_mask(lung: Reference | Proposal, image: Image) -> tuple[str, Mask]:
    """Return the key of the lung mask, and the mask at the image's size as (H, W) bool."""
    shape = (image.height, image.width)
    if isinstance(lung, Reference):
        return lung.mask_key, decode_mask(storage.read(lung.mask_key), shape=shape)
    p8 = decode_probability(storage.read(lung.probability_key))
    mask = threshold_mask(p8, shape=shape, t8=lung.threshold)
    return storage.put(image.project_id, encode_mask(mask)), mask
