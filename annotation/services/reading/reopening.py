"""Let a reader reopen a case that they submitted recently, or close it again unchanged.

Until the reader submits it again, the former submission counts: its annotation, its reference and
its place in every count.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation.errors import Conflict
from annotation.models import Annotation, Assignment, Draft, User, Verdict
from annotation.selectors.reading.last_cases import AT_MOST, WITHDRAWN, LastCase, Refusal, last_case
from annotation.services import audit
from annotation.services.reading import leases, lost_drafts
from annotation.services.reading.candidates import Basis
from annotation.services.reading.closing_reopened import close_lapsed_reopened, close_reopened
from annotation.services.reading.lost_drafts import UnsavedDraft

_NOT_RECENT = Refusal(
    "not_recent", f"Only the last {AT_MOST} cases that you submitted can be opened again."
)


def reopen_case(*, assignment: Assignment, reader: User) -> Assignment:
    """Reopen a submitted case with its mask, basis, note and flag, and return it.

    A case that is already reopened, perhaps in another tab, keeps its drawing. Raises Conflict
    with the reason if the case may not be reopened: withdrawn, superseded, compared, held,
    another case reopened, or not among the last cases.
    """
    close_lapsed_reopened(project=assignment.project)
    case = _reopenable(assignment)
    if case.is_reopened:
        leases.renew_lease(assignment=assignment, reader=reader)
    elif not _try_reopen(case) and not _reopenable(assignment).is_reopened:
        raise Conflict("This case is being changed in another tab; please try again.", code="busy")
    assignment.refresh_from_db()
    return assignment


def leave_unchanged(*, assignment: Assignment, reader: User) -> None:
    """Close a reopened case with its former submission; any other case stays as it is."""
    rows = Assignment.objects.filter(id=assignment.id, reader=reader)
    close_reopened(rows, actor=reader)


def _reopenable(assignment: Assignment) -> LastCase:
    """Return the case if it may be reopened; raise Conflict with the reason if not."""
    case = last_case(assignment)
    if case is None:
        raise _refused(_NOT_RECENT)
    if case.refusal:
        raise _refused(case.refusal)
    return case


def _refused(refusal: Refusal) -> Conflict:
    return Conflict(refusal.sentence, code=refusal.code)


def _try_reopen(case: LastCase) -> bool:
    """Return whether the case was reopened. False: another request held the image or the case."""
    try:
        return _reopen(case.assignment, case.annotation)
    except IntegrityError:
        return False


@transaction.atomic
def _reopen(assignment: Assignment, submitted: Annotation) -> bool:
    if not lost_drafts.lock_image(assignment):
        raise _refused(WITHDRAWN)
    reopened = Assignment.objects.filter(
        id=assignment.id, reader=assignment.reader, state=Assignment.State.SUBMITTED
    ).update(
        state=Assignment.State.REOPENED,
        lease_expires_at=leases.lease_end(is_prefetch=False),
        note=submitted.note,
        is_flagged=submitted.is_flagged,
    )
    if not reopened:
        return False
    # Before the update another reader may have read and submitted the image. After it nobody can
    # lease the image, so this second look is final.
    _reopenable(assignment)
    _restore_draft(assignment, submitted)
    audit.record(
        project=assignment.project,
        actor=assignment.reader,
        verb="reopen",
        target=assignment.id,
        facts={"annotation": str(submitted.id)},
    )
    return True


def _restore_draft(assignment: Assignment, submitted: Annotation) -> None:
    """Make the submitted mask the draft. An excluded image has no mask and keeps its draft."""
    if not submitted.mask_key:
        return
    basis = _basis(assignment, submitted)
    restored = UnsavedDraft(assignment, submitted.label, submitted.mask_key, 0, basis)
    draft = Draft.objects.filter(assignment=assignment, label=submitted.label).first()
    # The draft differs if the reader drew a mask and then decided "no infection".
    if draft is not None and draft.etag != restored.etag:
        lost_drafts.keep_current_draft(assignment=assignment, label=submitted.label)
    Draft.objects.update_or_create(
        assignment=assignment,
        label=submitted.label,
        defaults={**restored.fields, "updated_at": timezone.now()},
    )


def _basis(assignment: Assignment, submitted: Annotation) -> Basis:
    """Return the candidate that the mask was made from, with an open read's threshold."""
    if assignment.is_blind and submitted.verdict == Verdict.NO_INFECTION:
        # It would come back for an empty proposal only, not for an empty drawn mask.
        return Basis()
    if submitted.proposal_id is not None:
        candidate = assignment.candidates.filter(proposal=submitted.proposal_id).first()
        return Basis(candidate, None if assignment.is_blind else submitted.threshold)
    if submitted.is_from_manual:
        return Basis(assignment.candidates.filter(annotation__isnull=False).first())
    return Basis()
