"""A small measured round: its snapshot and its report."""

from __future__ import annotations

from collections.abc import Sequence

from annotation import storage
from annotation.models import Image, Round
from annotation.round_figures import SealedCase
from annotation.selectors.rounds.training_cases import Snapshot, SnapshotCase
from annotation.services.rounds.measuring import Measured
from annotation.services.rounds.reporting import make_report
from mlloop.contract.records import canonical_json
from mlloop.figures.metrics import Counts
from mlloop.pixels.masks import encode_mask
from tests.support.database import unguarded
from tests.support.factories import disc


def give_report(
    round: Round,
    *worst: Image,
    sealed: Sequence[SealedCase] = (),
    reliability: object = None,
) -> dict[str, object]:
    """Store a snapshot with the images, and a report that names them as the worst cases."""
    key = storage.put(round.project_id, encode_mask(disc(shape=(80, 64))))
    cases = tuple(
        SnapshotCase(
            image=str(image.id),
            patient=image.patient.key,
            group="covid",
            fold=0,
            pixels_key=image.pixels_key,
            height=image.height,
            width=image.width,
            mask_key=key,
            reference="r",
            verdict="redrawn",
        )
        for image in worst
    )
    unseen = [
        Measured(str(image.id), image.patient.key, *[Counts(10 * i, 30, 30, 5000)] * 2)
        for i, image in enumerate(worst)
    ]
    report = make_report(
        round, sealed=sealed, reliability=reliability, proposals={"ensemble": unseen}
    )
    round.snapshot_key = storage.put(
        round.project_id, Snapshot(str(round.project_id), "l", cases, cases).to_bytes()
    )
    round.report_key = storage.put(round.project_id, canonical_json(report))
    with unguarded():
        round.save()
    return report
