"""Give a case to a reader, and take it back: conditional updates and unique constraints only.

A reader holds at most two leases, the current and the prefetched one. A lease without a draft
lapses and is taken over by whoever asks next; with a draft it stays until a curator reassigns it
(reassigning.py). A case that was submitted and is open again (reopening.py) is neither of the two.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from annotation.errors import Conflict, Invalid, LeaseLost, NotFound
from annotation.models import Assignment, AuditEvent, Project, User
from annotation.permissions import Permission, may
from annotation.selectors.reading import worklist
from annotation.services.reading import candidates, closing_reopened


class _AlreadyRead(Exception):
    """Undo an insert that came too late."""


_AT_ONCE = 20
_TURNS = 50


@dataclass(frozen=True, slots=True)
class Request:
    """What a reader asks for: what to leave out, and for which of the two leases."""

    is_prefetch: bool
    exclude: frozenset[UUID]
    purpose: str | None
    skip_images: frozenset[UUID]

    @property
    def expires_at(self) -> datetime:
        return expiry(is_prefetch=self.is_prefetch)


def lease_next(
    *,
    project: Project,
    reader: User,
    is_prefetch: bool = False,
    exclude: Collection[UUID] = (),
    purpose: str | None = None,
    skip_images: Collection[UUID] = (),
) -> Assignment | None:
    """Lease the next case, or return the open one that is not in `exclude`; None: nothing waits.

    Raises Conflict when the reader already holds two other cases.
    """
    if purpose is not None and purpose not in worklist.ORDER:
        known = ", ".join(worklist.ORDER)
        raise Invalid(f"No cases are read as {purpose!r}; there are {known}.", field="purpose")
    request = Request(is_prefetch, frozenset(exclude), purpose, frozenset(skip_images))
    assignment = _resume(project, reader, request)
    if assignment is None:
        release_lapsed(project=project)
        assignment = _lease_new(project, reader, request) or _take_up(project, reader, request)
    if assignment is not None:
        candidates.freeze(assignment=assignment)
    return assignment


def release_lapsed(*, project: Project) -> int:
    """Free leases that lapsed without a draft, and those of withdrawn images; return how many."""
    closing_reopened.put_back_lapsed(project=project)
    has_lapsed = Q(has_draft=False, is_saved_for_later=False, lease_expires_at__lt=timezone.now())
    # A withdrawal frees what it sees; a lease given at that same moment it does not.
    lapsed = Assignment.objects.filter(
        has_lapsed | Q(image__withdrawn_at__isnull=False),
        project=project,
        state=Assignment.State.OPEN,
    )
    if not lapsed.exists():  # spare SQLite the write lock
        return 0
    return lapsed.update(state=Assignment.State.RELEASED, closed_at=timezone.now())


def renew(*, assignment: Assignment, reader: User, has_draft: bool = False) -> datetime:
    """Extend a lease and return its end; raise LeaseLost where it is no longer theirs.

    Inside a transaction this also locks the row against a takeover and a second submit.
    """
    until = expiry(is_prefetch=False)
    changes: dict[str, bool] = {"has_draft": True} if has_draft else {}
    held = Assignment.objects.filter(
        id=assignment.id, reader=reader, state__in=Assignment.HELD
    ).update(lease_expires_at=until, **changes)
    if not held:
        raise lease_lost(assignment)
    return until


def lease_lost(assignment: Assignment) -> LeaseLost | Conflict:
    """Say why a case can no longer be changed."""
    state = Assignment.objects.values_list("state", flat=True).get(id=assignment.id)
    if state == Assignment.State.REOPENED:
        return Conflict(
            "A case that is open again is not saved for later: submit it or leave it as it was.",
            code="reopened",
        )
    if state == Assignment.State.SUBMITTED and _was_put_back(assignment):
        return Conflict(
            "This case went back to what you had submitted: nothing new was taken. Open it again "
            "from your last ten to change it.",
            code="put_back",
        )
    if state == Assignment.State.SUBMITTED:
        return Conflict("This case has already been submitted.", code="already_submitted")
    return LeaseLost(
        "This case is no longer yours: its lease lapsed or a curator gave it to somebody else."
    )


def _was_put_back(assignment: Assignment) -> bool:
    """Say whether the case was open again last, and nothing was submitted anew."""
    verbs = ("submit", "put_back")
    targets = [assignment.id, *assignment.annotations.values_list("id", flat=True)]
    last = AuditEvent.objects.filter(
        project=assignment.project_id, target__in=[str(one) for one in targets], verb__in=verbs
    ).order_by("-created_at")
    return last.values_list("verb", flat=True).first() == "put_back"


def annotate_lease(
    *,
    assignment: Assignment,
    reader: User,
    note: str | None = None,
    is_flagged: bool | None = None,
    is_saved_for_later: bool | None = None,
) -> Assignment:
    """Write the note, the flag or the wish to come back later on a case, and renew it."""
    given = {"note": note, "is_flagged": is_flagged, "is_saved_for_later": is_saved_for_later}
    changes = {name: value for name, value in given.items() if value is not None}
    rows = Assignment.objects.filter(id=assignment.id, reader=reader, state__in=Assignment.HELD)
    if is_saved_for_later:
        rows = rows.filter(state=Assignment.State.OPEN)
    try:
        with transaction.atomic():
            held = rows.update(lease_expires_at=expiry(is_prefetch=False), **changes)
    except IntegrityError:
        raise _too_many() from None
    if not held:
        raise lease_lost(assignment)
    assignment.refresh_from_db()
    return assignment


def give_back(*, assignment: Assignment, reader: User) -> None:
    """Return an unstarted case to the queue; refuse with Conflict once something is drawn."""
    mine = Assignment.objects.filter(id=assignment.id, reader=reader, state=Assignment.State.OPEN)
    freed = mine.filter(has_draft=False).update(
        state=Assignment.State.RELEASED, closed_at=timezone.now()
    )
    if not freed and mine.exists():
        raise Conflict(
            "This case has a drawing, so it stays yours until you submit it.", code="has_draft"
        )


def open_assignment(*, assignment_id: UUID, reader: User) -> Assignment:
    """Return the reader's own assignment in any state; somebody else's does not exist."""
    row = (
        Assignment.objects.filter(id=assignment_id, reader=reader)
        .select_related("project", "image", "image__study", "round")
        .first()
    )
    if row is None or not may(reader, Permission.READ_CASES, row.project):
        raise NotFound("There is no such case of yours.")
    return row


def _resume(project: Project, reader: User, request: Request) -> Assignment | None:
    """Return and renew the reader's own open case, if one is not already on their screen."""
    rows = worklist.own_open(project=project, reader=reader).filter(is_saved_for_later=False)
    for row in rows[:2]:
        if row.id in request.exclude or row.image_id in request.skip_images:
            continue
        if request.purpose in (None, row.purpose) and _extend(row, request):
            return row
    return None


def _extend(row: Assignment, request: Request) -> bool:
    """Renew `row`; opening a prefetched case makes it the current one where that place is free."""
    rows = Assignment.objects.filter(
        id=row.id, reader_id=row.reader_id, state=Assignment.State.OPEN
    )
    row.lease_expires_at = request.expires_at
    if row.is_prefetched and not request.is_prefetch:
        try:
            with transaction.atomic():
                held = rows.update(is_prefetched=False, lease_expires_at=row.lease_expires_at)
            row.is_prefetched = False
            return bool(held)
        except IntegrityError:  # another case is the current one still
            pass
    return bool(rows.update(lease_expires_at=row.lease_expires_at))


def _lease_new(project: Project, reader: User, request: Request) -> Assignment | None:
    """Insert the first waiting case that nobody else inserts first."""
    desk = worklist.desk_of(project=project, reader=reader)
    purposes = (request.purpose,) if request.purpose else worklist.ORDER
    for _ in range(_TURNS):
        waiting = worklist.next_images(desk, purposes, skip=request.skip_images, at_most=_AT_ONCE)
        if not waiting:
            return None
        is_prefetched = _free_place(project, reader, request)
        for purpose, image_id in waiting:
            try:
                with transaction.atomic():
                    return _insert(desk, purpose, image_id, is_prefetched, request)
            except _AlreadyRead:
                continue
            except IntegrityError:
                if mine := _resume(project, reader, request):  # my other tab was faster
                    return mine
    raise Conflict("Many readers asked at once; please ask again.", code="busy")


def _insert(
    desk: worklist.Desk, purpose: str, image_id: UUID, is_prefetched: bool, request: Request
) -> Assignment:
    assignment = Assignment.objects.create(
        project=desk.project,
        image_id=image_id,
        reader=desk.reader,
        purpose=purpose,
        round=desk.serving if purpose in (worklist.Purpose.PICK, worklist.Purpose.READ) else None,
        is_blind=purpose in worklist.BLIND,
        is_prefetched=is_prefetched,
        lease_expires_at=request.expires_at,
    )
    # Between the list and the insert another reader may have leased and submitted it: the open
    # row is gone by then, so the constraint cannot tell. From here on it can, so look again.
    if not worklist.still_waits(desk, purpose, image_id):
        raise _AlreadyRead
    return assignment


def _free_place(project: Project, reader: User, request: Request) -> bool:
    """Return which place the new lease takes, moving a case the reader has opened meanwhile.

    Raises Conflict when both are taken.
    """
    held = list(
        worklist.own_open(project=project, reader=reader).filter(is_saved_for_later=False)[:2]
    )
    if len(held) == 2:
        raise _too_many()
    if not held:
        return request.is_prefetch
    if request.is_prefetch and held[0].is_prefetched:
        # They ask for another one ahead, so the one held is the one being read.
        Assignment.objects.filter(id=held[0].id).update(is_prefetched=False)
        return True
    return not held[0].is_prefetched


def _take_up(project: Project, reader: User, request: Request) -> Assignment | None:
    """Return the oldest case saved for later, once nothing else waits."""
    if request.is_prefetch:
        return None
    saved = worklist.own_open(project=project, reader=reader).filter(is_saved_for_later=True)
    for row in saved.exclude(id__in=request.exclude)[:_AT_ONCE]:
        if request.purpose in (None, row.purpose) and row.image_id not in request.skip_images:
            is_prefetched = _free_place(project, reader, request)
            taken = Assignment.objects.filter(id=row.id, state=Assignment.State.OPEN).update(
                is_saved_for_later=False,
                is_prefetched=is_prefetched,
                lease_expires_at=request.expires_at,
            )
            if taken:
                row.refresh_from_db()
                return row
    return None


def expiry(*, is_prefetch: bool) -> datetime:
    """Return until when a lease taken or renewed now holds without a draft."""
    minutes = settings.PREFETCH_LEASE_MINUTES if is_prefetch else settings.LEASE_MINUTES
    return timezone.now() + timedelta(minutes=minutes)


def _too_many() -> Conflict:
    return Conflict(
        "You hold two cases already: submit one, give it back or save it for later.",
        code="lease_limit",
    )
