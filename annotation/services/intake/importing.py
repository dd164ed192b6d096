"""Import a folder of radiographs and masks, as the command does, and record the import."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from django.utils import timezone

from annotation.errors import Invalid, NotFound
from annotation.models import Intake, Project, User
from annotation.services.intake.report import IntakeReport
from annotation.services.intake.rows import MasksAs
from annotation.services.intake.source import METADATA_NAME, Offer, Source, offers
from annotation.services.intake.source_import import Progress, audit_import, import_source
from mlloop.contract.metadata_csv import MetadataError
from mlloop.contract.splits import DrawRow, Group, draw_patients, patient_group


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
    """Import a folder, write the row of the import, and return its report.

    With a `limit`, whole patients are drawn that have at most that many images together. The same
    seed draws the same patients. Raises NotFound for a missing path, Invalid for wrong metadata.
    """
    source = _source(folder, metadata, {"infection": masks, "lung": lung_masks}, group)
    report = import_source(
        project=project,
        source=source,
        masks_as=masks_as,
        progress=progress or _show_no_progress,
        drawn=_draw_keys(source, limit, limit_seed) if limit is not None else None,
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
    audit_import(intake, report)
    return report


def _show_no_progress(done: int, total: int) -> None:
    del done, total


def _source(
    folder: Path, metadata: Path | None, masks: dict[str, Path | None], group: Group
) -> Source:
    """Return the source of these paths; raise NotFound for a missing path.

    Without a metadata path, a metadata.csv in the folder is used.
    """
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


def _draw_keys(source: Source, limit: int, seed: int) -> frozenset[str]:
    """Return the draw keys of the drawn patients; no pixel is read yet.

    One short row per patient is in memory.
    """
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
