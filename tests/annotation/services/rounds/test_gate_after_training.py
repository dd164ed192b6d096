"""The gate against real training: shuffled masks are refused, right ones are offered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from annotation import storage
from annotation.bridge import loop
from annotation.bridge.learner import LEARNER, Learner
from annotation.models import Image, Project, Round
from annotation.services.rounds.decisions import promote_round
from annotation.services.rounds.planning import plan_round
from mlloop.contract.manifest import (
    EvaluateManifest,
    ProposeManifest,
    TrainManifest,
    write_manifest,
)
from mlloop.contract.plan import Plan
from mlloop.contract.presets import tiny
from mlloop.pixels.images import encode_pixels
from tests.support.factories import disc, make_image, make_patient, make_reference

SIDE = 64
Manifest = TrainManifest | ProposeManifest | EvaluateManifest


@pytest.fixture
def project_of_discs(project: Project) -> Project:
    """Films with one bright disc each and its mask: a small network learns them in a minute."""
    draw = np.random.default_rng(7)
    for i in range(48):
        split = "sealed" if i % 2 else "train"
        patient = make_patient(project, f"p{i}", split=split, fold=i // 2 % project.folds)
        film(make_image(project, patient=patient, shape=(SIDE, SIDE), seed=i), draw)
    return project


def film(image: Image, draw: np.random.Generator) -> None:
    """Paint a disc over the noise of an image and read it."""
    row, column = (int(place) for place in draw.integers(16, 48, 2))
    mask = disc(shape=(SIDE, SIDE), at=(row, column), radius=int(draw.integers(8, 13)))
    grey = draw.normal(20_000, 3_000, mask.shape) + 25_000 * mask
    pixels: npt.NDArray[np.uint16] = grey.clip(0, 65_535).astype(np.uint16)
    key = storage.put(image.project_id, encode_pixels(pixels))
    Image.objects.filter(pk=image.pk).update(pixels_key=key)
    make_reference(image, mask)


def plan() -> Plan:
    few = tiny()
    return replace(few, networks=few.networks[:1], folds=2, steps=60, epochs=3, initial="none")


def shuffled(path: Path, manifest: Manifest) -> str:
    """Give every training image the mask of the next image."""
    if isinstance(manifest, TrainManifest):
        masks = [case.mask_path for case in manifest.cases]
        others = zip(manifest.cases, [*masks[1:], masks[0]], strict=True)
        cases = tuple(replace(case, mask_path=mask) for case, mask in others)
        manifest = replace(manifest, cases=cases)
    return write_manifest(path, manifest)


def decided(project: Project, learner: Learner = LEARNER) -> Round:
    round = plan_round(project=project, actor=None, plan=plan())
    loop.run_until_decision(round, learner=learner)
    round.refresh_from_db()
    return round


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_round_of_shuffled_masks_is_refused_and_a_good_one_after_it_is_offered(
    project_of_discs: Project,
) -> None:
    first = promote_round(round=decided(project_of_discs), actor=None, reason="the first")

    bad = decided(project_of_discs, replace(LEARNER, write=shuffled))
    assert bad.state == Round.State.REFUSED
    assert "may be worse than round 1" in bad.decision_reason
    first.refresh_from_db()
    assert first.state == Round.State.SERVING

    good = decided(project_of_discs)
    assert good.state == Round.State.AWAITING_DECISION
    assert good.figures.gate.outcome == "passed"
