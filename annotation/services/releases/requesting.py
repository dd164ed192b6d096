"""Ask for a release, or for a failed one again; a worker makes its files (`freezing`)."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from annotation.errors import Conflict, Invalid, Refused
from annotation.formats.registry import layout_names
from annotation.models import Project, Release, User
from annotation.selectors.releases.selection import select_for_release, size_of
from annotation.services import audit
from annotation.services.releases.narrowing import selection_left, store_selection

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
    """Choose the references of a new version; a worker makes its files later.

    A version that exists is returned as it is: its bytes never change. Raises Invalid for a wrong
    version or format, Refused if there is nothing to release.
    """
    if not _VERSION.fullmatch(version):
        raise Invalid(f"{version!r} is not a version: write X.Y.Z, such as 1.0.0.", field="version")
    known = layout_names()
    if unknown := sorted(set(formats) - set(known)):
        there_is = f"There is no format {unknown[0]!r}; there is {', '.join(known)}."
        raise Invalid(there_is, field="formats")
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
    except IntegrityError:
        return Release.objects.get(project=project, version=version)
    return release


def retry_release(*, release: Release, actor: User | None) -> Release:
    """Let a failed release run again with its selection, less what was withdrawn since."""
    before, left = selection_left(release)
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
