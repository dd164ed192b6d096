"""The versions of a project's releases."""

from __future__ import annotations

from annotation.errors import NotFound
from annotation.models import Project, Release


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
    release = Release.objects.filter(project=project, version=version).first()
    if release is None:
        raise NotFound(f"There is no release {version} in this project.")
    release.project = project  # saves a query
    return release
