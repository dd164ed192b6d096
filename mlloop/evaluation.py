"""How good the ensemble is on sealed images: counts per image, never a mask that leaves here.

The ensemble is the mean of all folds of all infection networks at the plan's threshold.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from mlloop.dataset import read_truth
from mlloop.devices import Device
from mlloop.events import Emit
from mlloop.manifest import Case, EvaluateManifest
from mlloop.masks import ByteArray, threshold_mask
from mlloop.metrics import counts, dice
from mlloop.proposing import MapWriter, Stop, mean_p8
from mlloop.records import write_json


@dataclass(frozen=True, slots=True)
class ImageResult:
    """The pixels of one sealed image. `dice` is None where both masks are empty."""

    image: str
    patient: str
    group: str
    tp: int
    fp: int
    fn: int
    dice: float | None


def evaluate(
    manifest: EvaluateManifest, out: Path, *, device: Device, emit: Emit, stop: Stop
) -> None:
    """Write evaluation.json. Does nothing when it exists. Raises LearningError or Stopped."""
    result = out / "evaluation.json"
    if not result.exists():
        emit("start", images=len(manifest.cases))
        maps = MapWriter(manifest, out / "maps", device, manifest.plan.networks_of("infection"))
        maps.write(emit=emit, stop=stop)
        images = [_evaluate_image(case, manifest, maps.read(case)) for case in manifest.cases]
        write_json(result, {"schema": 1, "plan_sha256": manifest.plan.sha256, "images": images})
    # No proposal on a sealed image may lie about once it is counted.
    shutil.rmtree(out / "maps", ignore_errors=True)
    emit("done", images=len(manifest.cases))


def _evaluate_image(case: Case, manifest: EvaluateManifest, maps: list[ByteArray]) -> ImageResult:
    shape = (case.height, case.width)
    ensemble = mean_p8(maps)
    predicted = threshold_mask(ensemble, shape=shape, t8=manifest.plan.threshold)
    found = counts(predicted, read_truth(case))
    value = dice(found)
    shown = None if math.isnan(value) else value
    return ImageResult(case.image, case.patient, case.group, found.tp, found.fp, found.fn, shown)
