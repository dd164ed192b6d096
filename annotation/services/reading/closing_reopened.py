"""Close cases that are open again and were not submitted anew: what was submitted stands.

Nothing is lost: a mask that was changed meanwhile is kept like one that lost a race.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from annotation import storage
from annotation.models import Assignment, Draft, Project, User
from annotation.selectors.reading.last_cases import last_case, standing_annotation
from annotation.services import audit
from annotation.services.reading import lost_drafts


def put_back(
    rows: QuerySet[Assignment], *, actor: User | None = None, leaves_changed: bool = False
) -> int:
    """Put those of `rows` back that are open again; return how many. `actor` None: by itself.

    One that is submitted, or no longer among `rows`, by the time of its turn stays as it is; so
    does one whose mask was changed, with `leaves_changed`.
    """
    reopened = rows.filter(state=Assignment.State.REOPENED)
    found = list(reopened.select_related("project"))
    if leaves_changed:
        found = [row for row in found if not _goes_on(row)]
    return sum(_put_back(row, reopened, actor) for row in found)


def put_back_lapsed(*, project: Project | None = None) -> int:
    """Put back what nobody touched for as long as a lease holds; in one project, or in all.

    A case with a changed mask stays its reader's, as any case with a drawing does.
    """
    lapsed = Assignment.objects.filter(lease_expires_at__lt=timezone.now())
    rows = lapsed if project is None else lapsed.filter(project=project)
    return put_back(rows, leaves_changed=True)


@transaction.atomic
def _put_back(row: Assignment, rows: QuerySet[Assignment], actor: User | None) -> bool:
    # The image's row before the case's, in a withdrawal's order, or each may wait for the other.
    lost_drafts.hold_image(row)
    if not rows.filter(pk=row.pk).update(state=Assignment.State.SUBMITTED):
        return False
    changed = _changed_draft(row)
    if changed is not None:
        lost_drafts.keep_current(assignment=row, label=changed.label)
    audit.record(
        project=row.project,
        actor=actor,
        verb="put_back",
        target=row.id,
        facts={"changed_mask": changed is not None},
    )
    return True


def _goes_on(row: Assignment) -> bool:
    """Say whether there is a changed mask that can still be submitted."""
    chosen = last_case(row)
    return _changed_draft(row) is not None and chosen is not None and chosen.refusal is None


def _changed_draft(row: Assignment) -> Draft | None:
    """Return the drawing where it is another than what was submitted."""
    stands = standing_annotation(row)
    draft = Draft.objects.filter(assignment=row).select_related("label").first()
    if draft is None or stands is None or not stands.mask_key:
        return None  # an excluded film has only its drawing, which stays
    return draft if draft.etag != storage.digest_of(stands.mask_key) else None
