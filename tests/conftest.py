"""Fixtures for every Django test: an empty data root, members of each role, fast passwords."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from annotation.models import Membership, Project, User, triggers


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests: started last, one of them would run while the others idle.

    Those that commit stay at the end: they leave a database without its triggers.
    """

    def place(item: pytest.Item) -> tuple[bool, bool]:
        names = getattr(item, "fixturenames", ())
        return "transactional_db" in names, item.get_closest_marker("slow") is None

    items.sort(key=place)


@pytest.fixture(autouse=True)
def data_root(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep every stored byte of a test in its own folder."""
    settings.DATA_ROOT = tmp_path / "var"
    # A second slot is a second thread, which cannot see into a test's own transaction.
    settings.TRAIN_SLOTS = 1
    settings.STATIC_ROOT = tmp_path / "static"  # whitenoise warns where there is none
    settings.STATIC_ROOT.mkdir()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return settings.DATA_ROOT


@pytest.fixture
def project(db: None) -> Project:
    """An empty project with its label schema."""
    from annotation.services.projects import create_project

    return create_project(slug="pilot", name="Pilot", actor=None)


@pytest.fixture
def member(project: Project) -> Callable[..., User]:
    """Make an account with the given roles in the project."""

    def make(*roles: str, name: str = "") -> User:
        user = User.objects.create_user(name or "-".join(roles) or "outsider", password="pass")
        for role in roles:
            Membership.objects.create(project=project, user=user, role=role)
        return user

    return make


@pytest.fixture
def committed_db(transactional_db: None) -> Iterator[None]:
    """A database that threads and processes can see; its append-only tables can be flushed.

    Triggers forbid the flush at the end of such a test, so they are lifted before it and put
    back by the next test that asks (`triggers.install` is safe to repeat).
    """
    from django.db import connection

    with connection.schema_editor() as editor:
        triggers.install(editor)
    yield
    with connection.schema_editor() as editor:
        triggers.remove(editor)
