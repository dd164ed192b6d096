"""Measures the ensemble on sealed images. Only counts per image are kept, no mask.

The ensemble is the mean of all folds of all infection networks, with the weights, temperature and
threshold that were fitted on out-of-fold maps. Nothing is fitted on sealed images.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlloop.contract.errors import Stop
from mlloop.contract.events import Emit, Progress
from mlloop.contract.manifest import Case, EvaluateManifest
from mlloop.contract.records import write_json
from mlloop.figures.fitting import reference_at_grid, unfitted_calibration
from mlloop.figures.metrics import count_pixels, dice
from mlloop.figures.reliability import count_p8, measure_reliability
from mlloop.networks.devices import Device
from mlloop.pixels.arrays import ByteArray
from mlloop.pixels.raster import threshold_mask
from mlloop.proposing.maps import MapWriter
from mlloop.training.case_reader import read_truth


@dataclass(frozen=True, slots=True)
class ImageResult:
    """The counts of one sealed image. `dice` is None if both masks are empty.

    `peak` is the highest p8 of the ensemble's map, at the grid.
    """

    image: str
    patient: str
    group: str
    tp: int
    fp: int
    fn: int
    dice: float | None
    peak: int


def evaluate(
    manifest: EvaluateManifest, out: Path, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Write evaluation.json. Does nothing if it exists. Raises LearningError or Stopped."""
    result = out / "evaluation.json"
    if not result.exists():
        emit("start", images=len(manifest.cases))
        networks = manifest.plan.networks_of("infection")
        maps = MapWriter(manifest, out / "maps", device, networks)
        progress = Progress(emit, total=len(manifest.cases) * len(networks))
        for _ in maps.write(networks, progress=progress, stop=stop):
            pass  # images are measured when all maps are written
        calibration = manifest.calibration or unfitted_calibration(manifest.plan)
        pixels, images = np.zeros((2, 256), np.int64), []
        for case in manifest.cases:
            ensemble = calibration.ensemble_map(maps.read(case))
            pixels += count_p8(ensemble, reference_at_grid(case, maps.reader.read_target))
            images.append(_evaluate_image(case, ensemble, calibration.t8_of("ensemble")))
        write_json(
            result,
            {
                "schema": 1,
                "plan_sha256": manifest.plan.sha256,
                "images": images,
                "reliability": measure_reliability(pixels),
            },
        )
    # No proposal on a sealed image may stay on disk after it was counted.
    shutil.rmtree(out / "maps", ignore_errors=True)
    emit("done", images=len(manifest.cases))


def _evaluate_image(case: Case, ensemble: ByteArray, t8: int) -> ImageResult:
    predicted = threshold_mask(ensemble, shape=(case.height, case.width), t8=t8)
    counts = count_pixels(predicted, read_truth(case))
    value = dice(counts)
    return ImageResult(
        image=case.image,
        patient=case.patient,
        group=case.group,
        tp=counts.tp,
        fp=counts.fp,
        fn=counts.fn,
        dice=None if math.isnan(value) else value,
        peak=int(ensemble.max()),
    )
