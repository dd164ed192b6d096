"""Take radiographs and their masks into a project: a folder by command, an upload by a worker.

Safe to run again. A refused file does not stop the import.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from annotation.errors import Invalid, NotFound, RoundtruthError
from annotation.models import Intake, Project, User
from annotation.services import audit, claims
from annotation.services.intake.duplicates import near_duplicates
from annotation.services.intake.report import IntakeReport, Refusal
from annotation.services.intake.rows import MasksAs, RowWriter
from annotation.services.intake.source import METADATA_NAME, Offer, Source, count_offers, offers
from annotation.services.intake.staging import source_of_upload
from annotation.services.intake.stream import Stream
from mlloop.contract.metadata_csv import MetadataError
from mlloop.contract.splits import DrawRow, Group, draw_patients, patient_group

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
DUE = Q(state__in=[Intake.State.DUE, Intake.State.RUNNING])


def import_folder(
    *,
    project: Project,
    folder: Path,
    metadata: Path | None = None,
    masks: Path | None = None,
    lung_masks: Path | None = None,
    masks_as: MasksAs = "seed",
    group: Group = "covid",
    actor: User | None = None,
    progress: Progress | None = None,
    limit: int | None = None,
    limit_seed: int = 0,
) -> IntakeReport:
    """Import a folder and record the import; raises NotFound or Invalid.

    `limit` draws whole patients with at most that many images in all. One seed draws the same.
    """
    source = _source(folder, metadata, {"infection": masks, "lung": lung_masks}, group)
    report = _take_in(
        project=project,
        source=source,
        masks_as=masks_as,
        progress=progress or _silent,
        drawn=_draw(source, limit, limit_seed) if limit is not None else None,
    )
    now = timezone.now()
    intake = Intake.objects.create(
        project=project,
        actor=actor,
        folder=str(folder)[:500],
        masks_as=masks_as,
        state=Intake.State.DONE,
        done=report.n_offered,
        total=report.n_offered,
        report=report.as_json(),
        finished_at=now,
    )
    _audit(intake, report)
    return report


def due_intakes() -> list[UUID]:
    """Return the uploads that a worker may process now."""
    return claims.due_ids(Intake, DUE)


def run_intake(*, intake_id: UUID) -> IntakeReport | None:
    """Claim one upload and take it in; return None if another worker has it or it is done.

    If a worker dies, its claim goes stale. The next worker then finds some images already known.
    """
    claim = claims.take(model=Intake, pk=intake_id, due=DUE, sets={"state": Intake.State.RUNNING})
    if claim is None:
        return None
    intake = Intake.objects.select_related("project", "actor").get(pk=intake_id)
    try:
        heartbeat = claims.Heartbeat(claim)
        report = _take_in(
            project=intake.project,
            source=source_of_upload(intake, beat=heartbeat.beat),
            masks_as="truth" if intake.masks_as == "truth" else "seed",
            progress=lambda done, total: claims.update(claim, done=done, total=total),
        )
    except RoundtruthError as error:
        _close(claim, state=Intake.State.FAILED, failure=error.sentence)
        return None
    except claims.ClaimLost:
        raise
    except Exception as error:
        log.exception("intake %s failed", intake_id)
        claims.release(claim, failure=f"{type(error).__name__}: the worker's log says more.")
        raise
    _close(claim, state=Intake.State.DONE, report=report.as_json())
    _audit(intake, report)
    shutil.rmtree(intake.folder, ignore_errors=True)
    return report


def _close(claim: claims.Claim, **fields: object) -> None:
    claims.release(claim, is_refunded=False, finished_at=timezone.now(), **fields)


def _silent(done: int, total: int) -> None:
    """Show no progress."""
    del done, total


def _source(
    folder: Path, metadata: Path | None, masks: dict[str, Path | None], group: Group
) -> Source:
    """Check the paths of the command line; use a metadata.csv in the folder if none is named."""
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}.", field="folder")
    named = {key: path for key, path in masks.items() if path is not None}
    for key, path in named.items():
        if not path.is_dir():
            raise NotFound(f"There is no folder {path} with {key} masks.", field="masks")
    if metadata is None and (folder / METADATA_NAME).is_file():
        metadata = folder / METADATA_NAME
    if metadata is not None and not metadata.is_file():
        raise NotFound(f"There is no file {metadata}.", field="metadata")
    return Source(folder, metadata, named, group)


def _take_in(
    *,
    project: Project,
    source: Source,
    masks_as: MasksAs,
    progress: Progress,
    drawn: frozenset[str] | None = None,
) -> IntakeReport:
    began, started = time.monotonic(), timezone.now()
    report = IntakeReport()
    try:
        report.n_offered = total = count_offers(source)
        progress(0, total)
        stream = Stream(project, RowWriter(project, masks_as, report), report, started)
        stream.run(
            _chosen(source, drawn, report), lambda done: progress(done + report.left_out, total)
        )
    except MetadataError as error:
        raise Invalid(str(error), field="metadata") from error
    if report.added:
        report.n_near_duplicates, report.near_duplicates = near_duplicates(
            project=project, since=started
        )
    report.seconds = round(time.monotonic() - began, 3)
    return report


def _chosen(
    source: Source, drawn: frozenset[str] | None, report: IntakeReport
) -> Iterator[Offer | Refusal]:
    for offer in offers(source):
        if drawn is None or isinstance(offer, Refusal) or offer.draw_key in drawn:
            yield offer
        else:
            report.left_out += 1


def _draw(source: Source, limit: int, seed: int) -> frozenset[str]:
    """Draw whole patients before any pixel is read; in memory: one short row per patient."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    first_source: dict[str, str] = {}
    n_images: Counter[str] = Counter()
    try:
        for offer in offers(source):
            if isinstance(offer, Offer):
                groups[offer.draw_key].add(offer.group)
                first_source.setdefault(offer.draw_key, offer.source)
                n_images[offer.draw_key] += 1
    except MetadataError as error:
        raise Invalid(str(error), field="metadata") from error
    rows = [
        DrawRow(key, patient_group(groups[key]), first_source[key], n_images[key]) for key in groups
    ]
    return frozenset(draw_patients(rows, limit=limit, seed=seed))


def _audit(intake: Intake, report: IntakeReport) -> None:
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
