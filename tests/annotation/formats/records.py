"""Records of released images for the tests of formats, made without a database."""

from __future__ import annotations

from annotation.formats.released import ReleasedImage, ReleasedLung
from mlloop.contract.plan import SEVERITY_CUTOFFS, SMALLEST_LESION
from mlloop.pixels.severity import measure_findings
from tests.support.factories import disc


def released_image(name: str, *, has_lung: bool = False) -> ReleasedImage:
    severity = measure_findings(
        disc(radius=5),
        disc(radius=20),
        cutoffs=SEVERITY_CUTOFFS,
        smallest_share=SMALLEST_LESION,
    )
    return ReleasedImage(
        name=name,
        label="infection",
        width=64,
        height=80,
        bits=8,
        group="covid",
        view="PA",
        day=None,
        patient="patient-0",
        split="train",
        fold=0,
        infected_pixels=81,
        verdict="redrawn",
        method="single",
        provenance="MANUAL",
        round=None,
        candidate="none",
        drawn_by=None,
        network=None,
        threshold=None,
        reader=None,
        origin="",
        licence="",
        edit=None,
        lung=ReleasedLung("reference", None, severity) if has_lung else None,
    )
