"""Open the sealed part of a release to the whole project, at its publication."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from annotation.errors import Conflict, Invalid
from annotation.models import Release, SealedOpening, User
from annotation.selectors.releases.parts import has_sealed_part, is_opened, mixes_parts
from annotation.services import audit


def open_sealed_part(*, release: Release, actor: User, reason: str) -> SealedOpening:
    """Let every member who sees releases download the sealed part. This cannot be undone.

    Raises Invalid without a reason, Conflict if there is nothing to open or it is open already.
    """
    if not reason.strip():
        raise Invalid("Opening the sealed part needs a written reason.", field="reason")
    if release.state != Release.State.FROZEN or not (
        has_sealed_part(release) or mixes_parts(release)
    ):
        raise Conflict(f"Release {release.version} has no sealed part to open.")
    already = Conflict(f"The sealed part of release {release.version} is open already.")
    if is_opened(release):
        raise already
    try:
        with transaction.atomic():
            opening = SealedOpening.objects.create(
                release=release, actor=actor, reason=reason.strip()
            )
            audit.record(
                project=release.project,
                actor=actor,
                verb="open_sealed_part",
                target=release.id,
                facts={"version": release.version, "reason": reason.strip()},
            )
    except IntegrityError:  # somebody else opened it at the same time
        raise already from None
    return opening
