"""Close reopened cases that were not submitted again. Their former submission counts.

Nothing is lost: a mask that was changed meanwhile becomes a lost draft.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from annotation import storage
from annotation.models import Assignment, Draft, Project, User
from annotation.selectors.reading.last_cases import current_annotation, last_case
from annotation.services import audit
from annotation.services.reading import lost_drafts


def close_reopened(
    rows: QuerySet[Assignment], *, actor: User | None = None, keeps_changed: bool = False
) -> int:
    """Close the reopened cases among `rows`; return how many. `actor` is None for the system.

    A case that is submitted meanwhile, or no longer matches `rows`, stays as it is. With
    `keeps_changed`, a case whose mask was changed and can still be submitted stays open.
    """
    reopened = rows.filter(state=Assignment.State.REOPENED)
    cases = list(reopened.select_related("project"))
    if keeps_changed:
        cases = [row for row in cases if not _can_submit_changed(row)]
    return sum(_close(row, reopened, actor) for row in cases)


def close_lapsed_reopened(*, project: Project | None = None) -> int:
    """Close reopened cases whose lease has lapsed, in one project or in all; return how many.

    A case with a changed mask stays open, as any case with a drawing does.
    """
    lapsed = Assignment.objects.filter(lease_expires_at__lt=timezone.now())
    rows = lapsed if project is None else lapsed.filter(project=project)
    return close_reopened(rows, keeps_changed=True)


@transaction.atomic
def _close(row: Assignment, rows: QuerySet[Assignment], actor: User | None) -> bool:
    # Lock the image before the case, as a withdrawal does: the other order could deadlock.
    lost_drafts.lock_image(row)
    if not rows.filter(pk=row.pk).update(state=Assignment.State.SUBMITTED):
        return False
    changed = _changed_draft(row)
    if changed is not None:
        lost_drafts.keep_current_draft(assignment=row, label=changed.label)
    audit.record(
        project=row.project,
        actor=actor,
        verb="put_back",  # rows of older versions have this verb
        target=row.id,
        facts={"changed_mask": changed is not None},
    )
    return True


def _can_submit_changed(row: Assignment) -> bool:
    """Return whether the case has a changed mask that can still be submitted."""
    case = last_case(row)
    return _changed_draft(row) is not None and case is not None and case.refusal is None


def _changed_draft(row: Assignment) -> Draft | None:
    """Return the draft if it differs from the submitted mask."""
    submitted = current_annotation(row)
    draft = Draft.objects.filter(assignment=row).select_related("label").first()
    if draft is None or submitted is None or not submitted.mask_key:
        return None  # an excluded image has no submitted mask; its draft stays
    return draft if draft.etag != storage.digest_of(submitted.mask_key) else None
