"""Request a new release, or retry a failed release. A worker makes the files later (`freezing`)."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from annotation.errors import Conflict, Invalid, Refused
from annotation.formats.registry import layout_names
from annotation.models import Project, Release, User
from annotation.selectors.releases.selection import select_for_release, size_of
from annotation.services import audit
from annotation.services.releases.narrowing import narrow_selection, store_selection

State = Release.State
DEFAULT_FORMATS = ("qata",)
_VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")


def request_release(
    *,
    project: Project,
    version: str,
    actor: User | None,
    formats: tuple[str, ...] = DEFAULT_FORMATS,
) -> Release:
    """Select the references of a new version and return its due row.

    A version that exists is returned unchanged: its bytes never change. Raises Invalid for a wrong
    version or format, Refused if there is nothing to release.
    """
    if not _VERSION.fullmatch(version):
        raise Invalid(f"{version!r} is not a version: write X.Y.Z, such as 1.0.0.", field="version")
    known = layout_names()
    if unknown := sorted(set(formats) - set(known)):
        sentence = f"There is no format {unknown[0]!r}; the formats are {', '.join(known)}."
        raise Invalid(sentence, field="formats")
    if existing := Release.objects.filter(project=project, version=version).first():
        return existing
    selection = select_for_release(project)
    if not selection["references"]:
        raise Refused(
            "There is nothing to release: no image has a reference mask yet. Read cases first.",
            code="nothing_to_release",
        )
    key = store_selection(project_id=project.id, selection=selection)
    try:
        with transaction.atomic():
            release = Release.objects.create(
                project=project,
                version=version,
                formats=sorted(set(formats)),
                selection_key=key,
                total=size_of(selection),
                created_by=actor,
            )
            audit.record(
                project=project,
                actor=actor,
                verb="request_release",
                target=release.id,
                facts={"version": version, "masks": len(selection["references"])},
            )
    except IntegrityError:  # somebody else requested the same version at the same time
        return Release.objects.get(project=project, version=version)
    return release


def retry_release(*, release: Release, actor: User | None) -> Release:
    """Make a failed release due again, without the images that were withdrawn since.

    Raises Conflict if it has not failed, Refused if no reference is left.
    """
    before, left = narrow_selection(release)
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
                f"Release {release.version} is {release.state}; "
                "only a failed release can be retried."
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
