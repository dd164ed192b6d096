"""A release says which reads were blind: none since the project was declared open."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest

from annotation import storage
from annotation.models import Project, Release, User
from annotation.selectors.labels import label_of
from annotation.selectors.rounds.sealed import shown_metrics
from annotation.services.members import open_project
from annotation.services.reading.submission import submit_annotation
from tests.support import factories
from tests.support.releasing import freeze

pytestmark = pytest.mark.django_db


def read(project: Project, reader: User, purpose: str) -> None:
    """Read a new image as one without infection."""
    image = factories.make_image(project, split="sealed" if purpose == "sealed" else "train")
    submit_annotation(
        assignment=factories.make_assignment(image, reader, purpose=purpose),
        reader=reader,
        client_id=uuid.uuid4(),
        label=label_of(project, "infection"),
        decision="no_infection",
    )


def manifest(release: Release, folder: str = "") -> dict:
    return json.loads(storage.read(release.items.get(path=f"{folder}manifest.json").key))


def masks(release: Release) -> list[dict]:
    return manifest(release)["masks"] + manifest(release, "sealed/")["masks"]


def card(release: Release) -> str:
    return storage.read(release.items.get(path="README.md").key).decode()


def test_release_when_opened_between_two_sealed_reads_then_only_the_first_is_blind(
    project: Project, member: Callable[..., User]
) -> None:
    ann = member("reader", name="ann")
    for purpose in ("sealed", "seed"):
        read(project, ann, purpose)
    factories.make_image(project, group="normal")
    closed = freeze(project, "1.0.0")
    facts = {(mask["split"], mask["method"]): mask["blind"] for mask in masks(closed)}
    assert facts == {
        ("sealed", "single"): True,
        ("train", "single"): False,  # a seed is drawn by hand; nothing is hidden in it
        ("train", "control"): None,
    }
    assert "Nobody may both read" in card(closed)
    project = open_project(project=project, actor=None)
    read(project, ann, "sealed")
    opened = freeze(project, "1.1.0")
    assert manifest(opened, "sealed/")["counts"]["blind_reads"] == 1
    assert sorted(m["blind"] for m in masks(opened) if m["split"] == "sealed") == [False, True]
    assert f"Open project since {project.opened_at:%Y-%m-%d}" in card(opened)


def test_figures_when_the_project_is_open_then_they_say_since_when(project: Project) -> None:
    row = factories.make_round(project)
    assert "open_since" not in shown_metrics(row)
    row.project = open_project(project=project, actor=None)
    assert shown_metrics(row)["open_since"] == row.project.opened_at.isoformat(timespec="seconds")
