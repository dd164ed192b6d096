"""Take out of an unpublished release what was withdrawn since its selection was frozen.

It only ever drops, and says how many in the audit; a published release is left alone.
"""

from __future__ import annotations

import json
from uuid import UUID

from django.db import transaction

from annotation import storage
from annotation.errors import Conflict, Refused
from annotation.models import Release, User
from annotation.selectors.releases.selection import Selection, size_of, without_withdrawn
from annotation.services import audit, claims

State = Release.State


def store_selection(*, project_id: UUID, selection: Selection) -> str:
    """Store the selection and return its key; the row that names it is written by the caller."""
    return storage.put(project_id, json.dumps(selection, sort_keys=True).encode())


def drop_withdrawn(*, release: Release, claim: claims.Claim) -> Selection:
    """Narrow the selection of a release that this worker freezes, and return what is left.

    Raises Refused where nothing is left, and ClaimLost.
    """
    release.refresh_from_db(fields=["selection_key"])
    before, left = _before_and_left(release)
    if left is not before:
        release.selection_key = store_selection(project_id=release.project_id, selection=left)
        release.total = size_of(left)
        with transaction.atomic():
            claims.update(claim, selection_key=release.selection_key, total=release.total, done=0)
            audit.record(
                project=release.project,
                actor=None,
                verb="drop_withdrawn",
                target=release.id,
                facts={"version": release.version, "dropped": size_of(before) - size_of(left)},
            )
    return left


def retry_release(*, release: Release, actor: User | None) -> Release:
    """Let a failed release run again with the same selection, less what was withdrawn since."""
    before, left = _before_and_left(release)
    key = store_selection(project_id=release.project_id, selection=left)
    with transaction.atomic():
        reopened = Release.objects.filter(pk=release.pk, state=State.FAILED).update(
            state=State.DUE,
            attempts=0,
            failure="",
            selection_key=key,
            total=size_of(left),
            done=0,
        )
        if not reopened:
            raise Conflict(
                f"Release {release.version} is {release.state}; only a failed one is retried."
            )
        audit.record(
            project=release.project,
            actor=actor,
            verb="retry_release",
            target=release.id,
            facts={"version": release.version, "dropped": size_of(before) - size_of(left)},
        )
    release.refresh_from_db()
    return release


def _before_and_left(release: Release) -> tuple[Selection, Selection]:
    before: Selection = json.loads(storage.read(release.selection_key))
    left = without_withdrawn(release.project, before)
    if not left["references"]:
        raise Refused(
            f"Nothing of release {release.version} is left: every image with a reference mask "
            "in it was withdrawn. Ask for a new version.",
            code="nothing_to_release",
        )
    return before, left
