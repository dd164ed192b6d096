"""Let a reader take up a case again that they submitted lately, and leave it as it was.

Until they submit anew, what they submitted stands: annotation, reference and place in every count.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation.errors import Conflict
from annotation.models import Annotation, Assignment, Draft, User
from annotation.selectors.reading.last_cases import AT_MOST, WITHDRAWN, LastCase, Refusal, last_case
from annotation.services import audit
from annotation.services.reading import closing_reopened, leases, lost_drafts
from annotation.services.reading.candidates import Basis
from annotation.services.reading.lost_drafts import Drawing

_NOT_RECENT = Refusal(
    "not_recent", f"Only the last {AT_MOST} cases that you submitted can be opened again."
)


def reopen(*, assignment: Assignment, reader: User) -> Assignment:
    """Open a submitted case of `reader` again, with the mask, base, note and flag it was given.

    One that is open again already, perhaps in another tab, goes on as it is there. Raises Conflict
    with the reason where it may not be opened: withdrawn, superseded, compared, held, another one
    open, not among the last.
    """
    closing_reopened.put_back_lapsed(project=assignment.project)
    chosen = _chosen(assignment)
    if chosen.is_reopened:
        leases.renew(assignment=assignment, reader=reader)
    elif not _taken_up(chosen) and not _chosen(assignment).is_reopened:
        raise Conflict("This case is being changed in another tab; please try again.", code="busy")
    assignment.refresh_from_db()
    return assignment


def leave(*, assignment: Assignment, reader: User) -> None:
    """Leave a case as it was submitted; one that is not open again stays as it is."""
    own = Assignment.objects.filter(id=assignment.id, reader=reader)
    closing_reopened.put_back(own, actor=reader)


def _chosen(assignment: Assignment) -> LastCase:
    found = last_case(assignment)
    if found is None:
        raise _refused(_NOT_RECENT)
    if found.refusal:
        raise _refused(found.refusal)
    return found


def _refused(refusal: Refusal) -> Conflict:
    return Conflict(refusal.sentence, code=refusal.code)


def _taken_up(chosen: LastCase) -> bool:
    """Take it up if it still can be; False: somebody was faster, at the image or at the case."""
    try:
        return _take_up(chosen.assignment, chosen.annotation)
    except IntegrityError:
        return False


@transaction.atomic
def _take_up(assignment: Assignment, stands: Annotation) -> bool:
    if not lost_drafts.hold_image(assignment):
        raise _refused(WITHDRAWN)
    taken = Assignment.objects.filter(
        id=assignment.id, reader=assignment.reader, state=Assignment.State.SUBMITTED
    ).update(
        state=Assignment.State.REOPENED,
        lease_expires_at=leases.expiry(is_prefetch=False),
        note=stands.note,
        is_flagged=stands.is_flagged,
    )
    if not taken:
        return False
    # Between the look and the update somebody may have read the image and submitted it. From here
    # on nobody can lease it, so look again.
    _chosen(assignment)
    _put_on_desk(assignment, stands)
    audit.record(
        project=assignment.project,
        actor=assignment.reader,
        verb="reopen",
        target=assignment.id,
        facts={"annotation": str(stands.id), "verdict": stands.verdict},
    )
    return True


def _put_on_desk(assignment: Assignment, stands: Annotation) -> None:
    """Make the submitted mask the draft; an excluded film has none and keeps its drawing."""
    if not stands.mask_key:
        return
    drawing = Drawing(assignment, stands.label, stands.mask_key, 0, _basis(assignment, stands))
    draft = Draft.objects.filter(assignment=assignment, label=stands.label).first()
    if draft is not None and draft.etag != drawing.etag:  # given up for "no infection"
        lost_drafts.keep_current(assignment=assignment, label=stands.label)
    Draft.objects.update_or_create(
        assignment=assignment,
        label=stands.label,
        defaults={**drawing.content, "updated_at": timezone.now()},
    )


def _basis(assignment: Assignment, stands: Annotation) -> Basis:
    """Return the candidate that the submitted mask was made from, with an open read's threshold."""
    if stands.proposal_id is not None:
        candidate = assignment.candidates.filter(proposal=stands.proposal_id).first()
        return Basis(candidate, None if assignment.is_blind else stands.threshold)
    if stands.is_from_manual:
        return Basis(assignment.candidates.filter(annotation__isnull=False).first())
    return Basis()
