"""Migrations that change rows, tried on rows."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from annotation.models import Annotation, Assignment, User
from annotation.services.projects import create_project
from tests.annotation import factories


def migrate(name: str) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("annotation", name)])


@pytest.fixture
def before_reopening(transactional_db: None) -> None:
    migrate("0014_round_report")


def test_reopened_cases_when_an_image_was_held_twice_then_who_drew_keeps_it(
    before_reopening: None,
) -> None:
    project = create_project(slug="pilot", name="Pilot", actor=None)
    readers = [User.objects.create(username=name) for name in ("ann", "bob", "eve")]
    image = factories.make_image(project)
    first = factories.make_assignment(image, readers[0], purpose="seed")
    drawn = factories.make_assignment(image, readers[1], purpose="read", has_draft=True)
    double = factories.make_assignment(image, readers[2], purpose="double")
    migrate("0015_reopened_cases")
    states = {row.pk: row.state for row in Assignment.objects.all()}
    assert states == {first.pk: "released", drawn.pk: "open", double.pk: "open"}


def test_reopened_cases_when_migrated_there_and_back_then_annotations_stay_append_only(
    before_reopening: None,
) -> None:
    migrate("0015_reopened_cases")
    project = create_project(slug="pilot", name="Pilot", actor=None)
    factories.make_reference(factories.make_image(project))
    for name in ("0014_round_report", "0015_reopened_cases"):
        migrate(name)
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("DELETE FROM annotation_annotation")
    assert Annotation.objects.count() == 1
