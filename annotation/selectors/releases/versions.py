"""The versions of a project's releases."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef, QuerySet

from annotation.errors import NotFound
from annotation.formats.manifest import MANIFEST
from annotation.models import Project, Release, ReleaseItem
from annotation.selectors.releases.parts import FOLDERS


def releases_of(project: Project) -> QuerySet[Release]:
    """Return a project's releases, newest first, each with the state of its sealed part."""
    manifest = f"{FOLDERS['sealed']}{MANIFEST}"
    sealed = ReleaseItem.objects.filter(release=OuterRef("pk"), path=manifest)
    return (
        Release.objects.filter(project=project)
        .annotate(has_sealed_part=Exists(sealed), sealed_opened_at=F("sealed_opening__created_at"))
        .order_by("-created_at", "id")
    )


def next_version(project: Project) -> str:
    """Return the version to suggest: the minor version after the newest version."""
    versions = project.releases.values_list("version", flat=True)
    numbers = [tuple(int(part) for part in version.split(".")) for version in versions]
    if not numbers:
        return "1.0.0"
    major, minor, _ = max(numbers)
    return f"{major}.{minor + 1}.0"


def release_of(project: Project, version: str) -> Release:
    """Return the release with this version; raise NotFound if there is no such release."""
    release = releases_of(project).filter(version=version).first()
    if release is None:
        raise NotFound(f"There is no release {version} in this project.")
    release.project = project  # saves a query
    return release
