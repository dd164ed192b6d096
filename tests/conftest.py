"""Fixtures for every test: a migrated database, an empty data root, members of each role."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from annotation.models import Membership, Project, User
from tests.support import database

# Each run has databases of its own on a server. Worker processes inherit the name.
os.environ.setdefault("ROUNDTRUTH_TEST_RUN", uuid4().hex[:8])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests: started last, one of them would run while the others idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        database.drop_all_of_run()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all worker processes of this run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session")
def template_database(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, shared_folder: Path
) -> str:
    """The name of a migrated database, to be copied."""
    with django_db_blocker.unblock():
        return database.make_template(shared_folder)


@pytest.fixture(scope="session")
def django_db_setup(
    template_database: str,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Iterator[None]:
    """Give this process a copy of the template, and a new one after each test that commits."""
    name = f"{database.prefix()}{worker_id}"
    if connection.vendor == "sqlite":
        name = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        database.use(name)
        database.copy(template_database, to=name)
        # Django would flush all tables, which the triggers of append-only tables refuse.
        patch.setattr(
            TransactionTestCase,
            "_fixture_teardown",
            lambda test: database.copy(template_database, to=name),
        )
        with django_db_blocker.block():
            yield
        connection.close()
        database.drop(name)


@pytest.fixture(autouse=True)
def data_root(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep every stored byte of a test in its own folder."""
    settings.DATA_ROOT = tmp_path / "var"
    # A second slot is a second thread, which cannot see into a test's own transaction.
    settings.TRAIN_SLOTS = 1
    settings.STATIC_ROOT = tmp_path / "static"  # whitenoise warns where there is none
    settings.STATIC_ROOT.mkdir()
    # In this process and new for each test, so that no test delays another one's attempts.
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": str(tmp_path),
        }
    }
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
