"""Freeze a release: render its files, list them, and publish its row, all under one claim.

A killed run can be repeated. An image that is withdrawn before the publication is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from annotation import storage
from annotation.errors import NotFound, RoundtruthError
from annotation.formats.manifest import ReleasedFile
from annotation.models import Release, ReleaseItem
from annotation.selectors.releases.selection import Selection, size_of, without_withdrawn
from annotation.services import claims
from annotation.services.releases.narrowing import drop_withdrawn
from annotation.services.releases.rendering import Rendered, render_release

State = Release.State
DUE = Q(state__in=(State.DUE, State.RUNNING))


def run_release(*, release_id: UUID, progress: Callable[[int, int], None] | None = None) -> None:
    """Freeze a release if it is due and no other worker has claimed it; else do nothing.

    `progress` gets the numbers of images done and in all.
    """
    claim = claims.take(
        model=Release, pk=release_id, due=DUE, sets={"state": State.RUNNING, "failure": ""}
    )
    if claim is None:
        return
    release = Release.objects.select_related("project").get(pk=release_id)
    try:
        _freeze(release, claim, progress)
    except claims.ClaimLost:
        return
    except RoundtruthError as error:
        claims.release(claim, state=State.FAILED, failure=error.sentence)


def _freeze(
    release: Release, claim: claims.Claim, progress: Callable[[int, int], None] | None
) -> None:
    """Render and publish the selection; begin again if an image is withdrawn meanwhile.

    Each repetition drops at least one image, so the loop ends.
    """

    def on_stored(files: list[ReleasedFile], done: int) -> None:
        _write_file_rows(release, claim, files, done=done)
        if progress:
            progress(done, release.total)

    while True:
        selection = drop_withdrawn(release=release, claim=claim)
        _delete_file_rows(release, claim)
        try:
            rendered = render_release(release=release, selection=selection, on_stored=on_stored)
        except NotFound:
            if without_withdrawn(release.project, selection) is selection:
                raise
            continue  # the bytes of a withdrawn image were erased while it was rendered
        if _publish(release, claim, selection, rendered):
            return


def _publish(
    release: Release, claim: claims.Claim, selection: Selection, rendered: Rendered
) -> bool:
    """Freeze the row; return False if an image was withdrawn in the meantime."""
    with transaction.atomic():
        # This locks the row. A later withdrawal waits for the lock, an earlier one is seen below.
        claims.update(claim)
        if without_withdrawn(release.project, selection) is not selection:
            return False
        manifest = rendered.manifest
        claims.release(
            claim,
            state=State.FROZEN,
            manifest_key=storage.key_of(release.project_id, manifest.sha256),
            manifest_sha256=manifest.sha256,
            n_masks=len(rendered.record.images),
            done=size_of(selection),
            summary=rendered.record.counts,
            frozen_at=timezone.now(),
        )
    return True


def _delete_file_rows(release: Release, claim: claims.Claim) -> None:
    """Delete the file rows that a killed run left: its selection may have been larger."""
    with transaction.atomic():
        claims.update(claim, done=0)
        ReleaseItem.objects.filter(release=release).delete()


def _write_file_rows(
    release: Release, claim: claims.Claim, files: list[ReleasedFile], *, done: int
) -> None:
    """Write a row for each file; raise ClaimLost if another worker has the release.

    This happens soon after a file is stored: a file that no row names is deleted as unused.
    """
    with transaction.atomic():
        claims.update(claim, done=done)
        ReleaseItem.objects.bulk_create(
            ReleaseItem(
                release=release,
                path=file.path,
                key=storage.key_of(release.project_id, file.sha256),
                sha256=file.sha256,
                size=file.size,
            )
            for file in files
        )
