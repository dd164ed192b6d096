"""Import all offers of one source: count, read, store, record, and look for near duplicates.

`importing` calls `import_source` for a folder, `uploads` for an upload. A second run is safe: known
images do not change. A refused file does not stop the import.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from django.utils import timezone

from annotation.errors import Invalid
from annotation.models import Intake, Project
from annotation.services import audit
from annotation.services.intake.duplicates import near_duplicates
from annotation.services.intake.report import IntakeReport, Refusal
from annotation.services.intake.rows import MasksAs, RowWriter
from annotation.services.intake.source import Offer, Source, count_offers, offers
from annotation.services.intake.stream import Stream
from mlloop.contract.metadata_csv import MetadataError

Progress = Callable[[int, int], None]


def import_source(
    *,
    project: Project,
    source: Source,
    masks_as: MasksAs,
    progress: Progress,
    drawn: frozenset[str] | None = None,
) -> IntakeReport:
    """Import the offers of `source` and return the report; raise Invalid for a wrong metadata file.

    `progress` gets the numbers of offers done and in all. If `drawn` is given, only offers with
    these draw keys are imported.
    """
    began, started = time.monotonic(), timezone.now()
    report = IntakeReport()
    try:
        report.n_offered = total = count_offers(source)
        progress(0, total)
        stream = Stream(project, RowWriter(project, masks_as, report), report, started)
        stream.run(
            _drawn_offers(source, drawn, report),
            lambda done: progress(done + report.left_out, total),
        )
    except MetadataError as error:
        raise Invalid(str(error), field="metadata") from error
    if report.added:
        report.n_near_duplicates, report.near_duplicates = near_duplicates(
            project=project, since=started
        )
    report.seconds = round(time.monotonic() - began, 3)
    return report


def audit_import(intake: Intake, report: IntakeReport) -> None:
    """Append a finished import with its counts to the audit."""
    audit.record(
        project=intake.project,
        actor=intake.actor,
        verb="import_images",
        target=intake.id,
        facts={
            "added": report.added,
            "known": report.known,
            "refused": report.n_refused,
            "masks": report.masks.total(),
            "masks_as": intake.masks_as,
        },
    )


def _drawn_offers(
    source: Source, drawn: frozenset[str] | None, report: IntakeReport
) -> Iterator[Offer | Refusal]:
    for offer in offers(source):
        if drawn is None or isinstance(offer, Refusal) or offer.draw_key in drawn:
            yield offer
        else:
            report.left_out += 1
