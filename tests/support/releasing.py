"""Helpers for tests of releases: freeze one, and get an image of it that was read."""

from __future__ import annotations

from annotation.models import Image, Project, Release
from annotation.services.releases.freezing import run_release
from annotation.services.releases.requesting import request_release


def freeze(project: Project, version: str = "1.0.0") -> Release:
    release = request_release(project=project, version=version, actor=None)
    run_release(release_id=release.id)
    release.refresh_from_db()
    return release


def a_read_image(project: Project) -> Image:
    image = project.images.filter(references__verdict="redrawn").first()
    assert image is not None
    return image
