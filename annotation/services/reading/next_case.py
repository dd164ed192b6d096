"""Lease the next case to a reader: conditional updates and unique constraints only.

A reader holds at most two leases: the current case and the prefetched one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from annotation.errors import Conflict, Invalid
from annotation.models import Assignment, Project, User
from annotation.selectors.reading import worklist
from annotation.selectors.reading.queues import Purpose, WorklistScope
from annotation.services import audit
from annotation.services.reading.candidates import freeze_candidates
from annotation.services.reading.leases import lease_end, release_lapsed_leases, too_many_leases

_AT_ONCE = 20
_MAX_TRIES = 50


class _ReadMeanwhile(Exception):
    """Another reader submitted the image before the insert. Raising it undoes the insert."""


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """The case that a reader asks for, and the lease to use: current or prefetched."""

    is_prefetch: bool
    exclude: frozenset[UUID]
    purpose: str | None
    skip_images: frozenset[UUID]

    @property
    def lease_end(self) -> datetime:
        return lease_end(is_prefetch=self.is_prefetch)


def lease_next_case(
    *,
    project: Project,
    reader: User,
    is_prefetch: bool = False,
    exclude: Collection[UUID] = (),
    purpose: str | None = None,
    skip_images: Collection[UUID] = (),
) -> Assignment | None:
    """Return the reader's open case or lease the next one; None if nothing waits.

    Cases in `exclude` and images in `skip_images` are left out. Raises Invalid for an unknown
    purpose and Conflict if the reader already holds two other cases.
    """
    if purpose is not None and purpose not in worklist.ORDER:
        known = ", ".join(worklist.ORDER)
        raise Invalid(
            f"No cases are read for the purpose {purpose!r}. The purposes are {known}.",
            field="purpose",
        )
    request = CaseRequest(is_prefetch, frozenset(exclude), purpose, frozenset(skip_images))
    assignment = _continue_open(project, reader, request)
    if assignment is None:
        release_lapsed_leases(project=project)
        assignment = _lease_new(project, reader, request) or _continue_saved(
            project, reader, request
        )
    if assignment is not None:
        freeze_candidates(assignment=assignment)
    return assignment


def _continue_open(project: Project, reader: User, request: CaseRequest) -> Assignment | None:
    """Return and renew an open case of the reader that the request does not leave out."""
    rows = worklist.open_assignments(project=project, reader=reader)
    for row in rows.filter(is_saved_for_later=False)[:2]:
        if row.id in request.exclude or row.image_id in request.skip_images:
            continue
        if request.purpose in (None, row.purpose) and _extend(row, request):
            return row
    return None


def _extend(row: Assignment, request: CaseRequest) -> bool:
    """Renew `row`; a prefetched case becomes the current one if that place is free."""
    rows = Assignment.objects.filter(
        id=row.id, reader_id=row.reader_id, state=Assignment.State.OPEN
    )
    row.lease_expires_at = request.lease_end
    if row.is_prefetched and not request.is_prefetch:
        try:
            with transaction.atomic():
                updated = rows.update(is_prefetched=False, lease_expires_at=row.lease_expires_at)
            row.is_prefetched = False
            return bool(updated)
        except IntegrityError:  # another case is still the current one
            pass
    return bool(rows.update(lease_expires_at=row.lease_expires_at))


def _lease_new(project: Project, reader: User, request: CaseRequest) -> Assignment | None:
    """Insert a lease for the first waiting image that no other reader takes first."""
    scope = worklist.worklist_scope(project=project, reader=reader)
    purposes = (request.purpose,) if request.purpose else worklist.ORDER
    for _ in range(_MAX_TRIES):
        waiting = worklist.next_images(scope, purposes, skip=request.skip_images, at_most=_AT_ONCE)
        if not waiting:
            return None
        is_prefetched = _is_prefetch_free(project, reader, request)
        for purpose, image_id in waiting:
            try:
                with transaction.atomic():
                    leased = _insert(scope, purpose, image_id, is_prefetched, request)
                    _record(leased)
                return leased
            except _ReadMeanwhile:
                continue
            except IntegrityError:
                # The reader's other tab may have leased a case a moment ago.
                if open_case := _continue_open(project, reader, request):
                    return open_case
    raise Conflict("Many readers asked at once; please ask again.", code="busy")


def _insert(
    scope: WorklistScope, purpose: str, image_id: UUID, is_prefetched: bool, request: CaseRequest
) -> Assignment:
    assignment = Assignment.objects.create(
        project=scope.project,
        image_id=image_id,
        reader=scope.reader,
        purpose=purpose,
        round=scope.serving if purpose in (Purpose.PICK, Purpose.READ) else None,
        is_blind=purpose in worklist.BLIND,
        is_prefetched=is_prefetched,
        lease_expires_at=request.lease_end,
    )
    # Between the list and the insert another reader may have leased and submitted this image. That
    # lease is closed, so the unique constraint does not see it. After the insert nobody else can
    # lease the image, so this second look is final.
    if not worklist.still_waits(scope, purpose, image_id):
        raise _ReadMeanwhile
    return assignment


def _record(leased: Assignment) -> None:
    """Record who got to see which image; the rows of a case that goes on are not repeated."""
    audit.record(
        project=leased.project,
        actor=leased.reader,
        verb="lease_case",
        target=leased.image_id,
        facts={"assignment": str(leased.id), "purpose": leased.purpose},
    )


def _is_prefetch_free(project: Project, reader: User, request: CaseRequest) -> bool:
    """Return True if the new lease is for the prefetched case, False if for the current case.

    Raises Conflict if the reader holds two cases already.
    """
    rows = worklist.open_assignments(project=project, reader=reader)
    held = list(rows.filter(is_saved_for_later=False)[:2])
    if len(held) == 2:
        raise too_many_leases()
    if not held:
        return request.is_prefetch
    if request.is_prefetch and held[0].is_prefetched:
        # The reader asks for another prefetched case, so the first one is being read now.
        Assignment.objects.filter(id=held[0].id).update(is_prefetched=False)
        return True
    return not held[0].is_prefetched


def _continue_saved(project: Project, reader: User, request: CaseRequest) -> Assignment | None:
    """Return the oldest case that the reader saved for later, once nothing else waits."""
    if request.is_prefetch:
        return None
    rows = worklist.open_assignments(project=project, reader=reader)
    saved = rows.filter(is_saved_for_later=True).exclude(id__in=request.exclude)
    for row in saved[:_AT_ONCE]:
        if request.purpose in (None, row.purpose) and row.image_id not in request.skip_images:
            is_prefetched = _is_prefetch_free(project, reader, request)
            updated = Assignment.objects.filter(id=row.id, state=Assignment.State.OPEN).update(
                is_saved_for_later=False,
                is_prefetched=is_prefetched,
                lease_expires_at=request.lease_end,
            )
            if updated:
                row.refresh_from_db()
                return row
    return None
