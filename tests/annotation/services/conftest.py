"""Fixtures that several tests of services share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.models import Assignment, Project, User
from tests.support import factories
from tests.support.reading import must_lease


@pytest.fixture
def filled(project: Project, member: Callable[..., User]) -> Project:
    """Three read images, one excluded one, and one control."""
    reader = member("reader")
    for seed in range(3):
        factories.make_reference(factories.make_image(project, seed=seed), reader=reader)
    factories.make_reference(
        factories.make_image(project, seed=8), reader=reader, verdict="excluded"
    )
    factories.make_image(project, group="normal", seed=9)
    return project


@pytest.fixture
def reader(member: Callable[..., User]) -> User:
    return member("reader", name="ann")


@pytest.fixture
def case(project: Project, reader: User) -> Assignment:
    """A stage II read with three candidates."""
    serving = factories.make_round(project, stage="stage_2")
    factories.make_proposals(serving, factories.make_image(project))
    return must_lease(project, reader)
