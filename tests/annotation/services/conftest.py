"""Fixtures that several tests of services share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.models import Project, User
from tests.annotation.factories import make_image, make_reference


@pytest.fixture
def filled(project: Project, member: Callable[..., User]) -> Project:
    """Three read images, one excluded one, and one control."""
    reader = member("reader")
    for seed in range(3):
        make_reference(make_image(project, seed=seed), reader=reader)
    make_reference(make_image(project, seed=8), reader=reader, verdict="excluded")
    make_image(project, group="normal", seed=9)
    return project
