"""Phantoms with proposals that look trained.

Nothing is trained: the proposals are the phantoms' own masks, blurred and moved as a network would
err, so that a new picture takes a minute.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from annotation import storage
from annotation.models import Image, Label, Project, Proposal, Round
from annotation.selectors.labels import label_of
from annotation.services.intake.importing import import_folder
from annotation.services.projects import create_project
from bench.large_project import serving_round
from mlloop.contract.calibration import mean_p8
from mlloop.pixels.masks import decode_mask, encode_probability
from mlloop.pixels.raster import threshold_mask
from mlloop.pixels.severity import measure_findings

GRID = 128
NETWORKS = ("unet-resnet34", "unetplusplus-densenet121", "dla-resnet50")
Map = npt.NDArray[np.float64]


def make_project(slug: str, cohort: Path, *, is_blind: bool) -> Project:
    """Return a project with the phantoms and proposals. With `is_blind`, reads are blind picks."""
    project = create_project(slug=slug, name="COVID chest pilot", actor=None, sealed_fraction=0.0)
    import_folder(
        project=project,
        folder=cohort,
        metadata=cohort / "metadata.csv",
        masks=cohort / "infection_masks",
        masks_as="seed" if is_blind else "truth",
    )
    round_ = serving_round(project)
    if is_blind:
        Round.objects.filter(id=round_.id).update(stage=Round.Stage.STAGE_1)
    for image in project.images.select_related("patient"):
        _propose(round_, image, cohort, kind="out_of_fold" if is_blind else "mean")
    return project


def _propose(round_: Round, image: Image, cohort: Path, *, kind: str) -> None:
    """Create proposals, findings and layers of an image, similar to those of a trained ensemble."""
    draw = np.random.default_rng(int(image.pixel_sha256[:8], 16))
    name = Path(image.file_name).name
    truth = decode_mask((cohort / "infection_masks" / name).read_bytes())
    lungs = decode_mask((cohort / "lung_masks" / name).read_bytes())
    maps = [_erring(truth, draw) for _ in NETWORKS]
    lung_p8 = _p8(ndimage.gaussian_filter(_shrunk(lungs), 1.0))
    ensemble = mean_p8(maps)
    spread = np.stack(maps).astype(np.float64).std(axis=0).astype(np.uint8)

    def put(p8: npt.NDArray[np.uint8]) -> str:
        return storage.put(round_.project_id, encode_probability(p8))

    shape = (image.height, image.width)
    masks = (threshold_mask(p8, shape=shape, t8=128) for p8 in (ensemble, lung_p8))
    result = measure_findings(*masks, cutoffs=(0.01, 0.25, 0.5, 0.75), smallest_share=0.0005)
    labels = {key: label_of(image.project, key) for key in ("infection", "lung")}

    def add(label: Label, network: str, kind: str, p8: npt.NDArray[np.uint8]) -> Proposal:
        return Proposal.objects.create(
            round=round_,
            image=image,
            label=label,
            network=network,
            kind=kind,
            members=[[network, 0]],
            probability_key=put(p8),
            disagreement=float(spread.mean()) / 255,
            threshold=128,
            is_waiting=label.key == "infection",
        )

    for network, p8 in zip(NETWORKS, maps, strict=True):
        add(labels["infection"], network, kind, p8)
    add(labels["lung"], "ensemble", "ensemble", lung_p8)
    whole = add(labels["infection"], "ensemble", "ensemble", ensemble)
    whole.findings = result.as_json()
    whole.disagreement_key = put(spread)
    whole.save()


def _erring(truth: npt.NDArray[np.bool_], draw: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return a map (GRID, GRID) uint8 that is close to `truth`, as a network would predict."""
    moved = ndimage.shift(_shrunk(truth), draw.normal(0, 1.5, 2), order=1)
    noise = ndimage.gaussian_filter(draw.normal(0, 1, (GRID, GRID)), 6)
    return _p8(ndimage.gaussian_filter(moved, draw.uniform(1.5, 3)) * 1.15 + noise * 0.9)


def _shrunk(mask: npt.NDArray[np.bool_]) -> Map:
    factors = (GRID / mask.shape[0], GRID / mask.shape[1])
    result: Map = ndimage.zoom(mask.astype(np.float64), factors, order=1)
    return result


def _p8(probability: Map) -> npt.NDArray[np.uint8]:
    result: npt.NDArray[np.uint8] = np.floor(255 * np.clip(probability, 0, 1) + 0.5).astype(
        np.uint8
    )
    return result
