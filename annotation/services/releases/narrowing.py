"""Drop images from an unpublished release if they were withdrawn after its selection was stored.

No image is ever added. The audit records how many were dropped. A published release never changes.
"""

from __future__ import annotations

import json
from uuid import UUID

from django.db import transaction

from annotation import storage
from annotation.errors import Refused
from annotation.models import Release
from annotation.selectors.releases.selection import Selection, size_of, without_withdrawn
from annotation.services import audit, claims


def store_selection(*, project_id: UUID, selection: Selection) -> str:
    """Store the selection and return its key; the caller writes the row that names it."""
    return storage.put(project_id, json.dumps(selection, sort_keys=True).encode())


def drop_withdrawn(*, release: Release, claim: claims.Claim) -> Selection:
    """Drop withdrawn images from the selection of a claimed release; return the selection left.

    Raises Refused if no reference is left, ClaimLost if another worker has the release.
    """
    release.refresh_from_db(fields=["selection_key"])
    before, left = narrow_selection(release)
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


def narrow_selection(release: Release) -> tuple[Selection, Selection]:
    """Return the stored selection, and the selection without withdrawn images; write nothing.

    Both are the same object if no image was withdrawn. Raises Refused if no reference is left.
    """
    before: Selection = json.loads(storage.read(release.selection_key))
    left = without_withdrawn(release.project, before)
    if not left["references"]:
        raise Refused(
            f"Nothing of release {release.version} is left: every image with a reference mask "
            "in it was withdrawn. Ask for a new version.",
            code="nothing_to_release",
        )
    return before, left
