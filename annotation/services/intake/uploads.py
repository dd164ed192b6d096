"""Import the uploads that wait in their folders; each is claimed by one worker.

If a worker dies, its claim goes stale. The next worker imports the upload again and finds some
images already known.
"""

from __future__ import annotations

import logging
import shutil
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from annotation.errors import RoundtruthError
from annotation.models import Intake
from annotation.services import claims
from annotation.services.intake.report import IntakeReport
from annotation.services.intake.source_import import audit_import, import_source
from annotation.services.intake.staging import source_of_upload

log = logging.getLogger(__name__)

DUE = Q(state__in=[Intake.State.DUE, Intake.State.RUNNING])


def due_intakes() -> list[UUID]:
    """Return the uploads that a worker may import now."""
    return claims.due_ids(Intake, DUE)


def run_intake(*, intake_id: UUID) -> IntakeReport | None:
    """Claim and import one upload; return None if it is done, failed or claimed by another worker.

    After a domain error the upload has failed for ever. After any other error the claim is given
    back and the error raised, so that a worker tries again.
    """
    claim = claims.take(model=Intake, pk=intake_id, due=DUE, sets={"state": Intake.State.RUNNING})
    if claim is None:
        return None
    intake = Intake.objects.select_related("project", "actor").get(pk=intake_id)
    try:
        heartbeat = claims.Heartbeat(claim)
        report = import_source(
            project=intake.project,
            source=source_of_upload(intake, beat=heartbeat.beat),
            masks_as="truth" if intake.masks_as == "truth" else "seed",
            progress=lambda done, total: claims.update(claim, done=done, total=total),
        )
    except RoundtruthError as error:
        _close(claim, state=Intake.State.FAILED, failure=error.sentence)
        # The files are as the sender made them, with all that they hide. Nobody reads them again.
        shutil.rmtree(intake.folder, ignore_errors=True)
        return None
    except claims.ClaimLost:
        raise
    except Exception as error:
        log.exception("intake %s failed", intake_id)
        claims.release(claim, failure=f"{type(error).__name__}: the worker's log says more.")
        raise
    _close(claim, state=Intake.State.DONE, report=report.as_json())
    audit_import(intake, report)
    shutil.rmtree(intake.folder, ignore_errors=True)
    return report


def _close(claim: claims.Claim, **fields: object) -> None:
    claims.release(claim, is_refunded=False, finished_at=timezone.now(), **fields)
