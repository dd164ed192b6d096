"""A reader with an open case."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.models import Project, User
from tests.support import factories
from tests.support.calls import lease, signed_in


@pytest.fixture
def reader(member: Callable[..., User]) -> User:
    return member("reader")


@pytest.fixture
def open_case(project: Project, reader: User) -> dict:
    """A stage II read with two networks and the ensemble."""
    image = factories.make_image(project)
    factories.make_proposals(factories.make_round(project, stage="stage_2"), image)
    return lease(signed_in(reader))
