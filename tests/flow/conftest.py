"""Fixtures for tests that run whole installations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flow.installation import Databases


@pytest.fixture
def databases() -> Iterator[Databases]:
    made = Databases()
    yield made
    made.drop()
