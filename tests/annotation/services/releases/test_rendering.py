"""The manifest of a QaTa release equals the golden manifest, and its files are the stored files."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import time_machine
from django.apps import apps
from django.db import models

from annotation import storage
from annotation.models import (
    Annotation,
    Image,
    Project,
    Proposal,
    Provenance,
    Reference,
    ReferenceSource,
    Release,
    Round,
    User,
)
from annotation.selectors.labels import label_of
from mlloop.pixels.masks import encode_mask
from tests.support import factories
from tests.support.database import unguarded
from tests.support.releasing import freeze

GOLDEN = Path(__file__).parents[4] / "fixtures/releases"
MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def counted_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every new row the next number as its UUID, so that two runs make the same rows."""
    numbers = count(1)
    for model in apps.get_app_config("annotation").get_models():
        key = model._meta.pk
        if isinstance(key, models.UUIDField):
            monkeypatch.setattr(
                key, "_get_default", lambda: uuid.UUID(int=next(numbers)), raising=False
            )


@pytest.fixture
def moment() -> Iterator[None]:
    with time_machine.travel(MOMENT, tick=False):
        yield


@pytest.fixture
def golden_project(counted_ids: None, moment: None, project: Project) -> Project:
    """Return a project with rows of every kind that a manifest distinguishes."""
    project.salt = "5a17" * 16
    with unguarded():
        project.save()
    reader = User.objects.create(id=uuid.UUID(int=10_000), username="golden-reader")
    round = factories.make_round(project, stage="stage_2")
    images = [
        factories.make_image(project, seed=number, day=number - 1 if number else None)
        for number in range(4)
    ]
    sealed = factories.make_image(project, seed=10, split="sealed", fold=2, bits=8)
    factories.make_image(project, seed=11, group="normal", shape=(96, 48))
    factories.make_reference(images[0], reader=reader)
    pick(images[1], reader, factories.make_proposals(round, images[1]), round=round)
    factories.make_reference(images[1], factories.disc(radius=30), label="lung")
    factories.make_proposals(round, images[2])
    factories.make_reference(images[2], np.zeros((80, 64), np.bool_), verdict="no_infection")
    factories.make_reference(images[3], verdict="excluded")
    factories.make_reference(sealed, purpose="sealed", origin="import: golden")
    return project


def pick(image: Image, reader: User, proposals: list[Proposal], *, round: Round) -> None:
    """Let the reader correct the first proposal."""
    label = label_of(image.project, "infection")
    key = storage.put(image.project_id, encode_mask(factories.disc(radius=9)))
    made = Annotation.objects.create(
        project=image.project,
        image=image,
        label=label,
        reader=reader,
        client_id=uuid.UUID(int=20_000),
        purpose="read",
        verdict="corrected",
        provenance=Provenance.SEMIAUTOMATIC,
        mask_key=key,
        proposal=proposals[0],
        round=round,
        threshold=90,
        added_pixels=12,
        removed_pixels=7,
        redrawn_contour=5,
        agreement=0.875,
        active_seconds=31.5,
        strokes=4,
    )
    reference = Reference.objects.create(
        project=image.project,
        image=image,
        label=label,
        method="single",
        verdict="corrected",
        mask_key=key,
    )
    ReferenceSource.objects.create(reference=reference, annotation=made)


def manifest_text(release: Release, path: str) -> str:
    """Return a manifest without its pictures' hashes, which change with the libraries."""
    text = storage.read(release.items.get(path=path).key).decode()
    bound = release.items.get(path="sealed/manifest.json").sha256
    if path == "manifest.json":
        # The pictures' hashes are in the sealed manifest, too.
        assert json.loads(text)["sealed_manifest_sha256"] == bound
        text = text.replace(bound, "")
    for name, listed in json.loads(text)["files"].items():
        if name.endswith((".svg", ".png")):
            entry = (
                f'"{name}": {{\n   "bytes": {listed["bytes"]},\n   "sha256": "{listed["sha256"]}"'
            )
            assert entry in text
            text = text.replace(entry, f'"{name}": {{\n   "bytes": 0,\n   "sha256": ""')
    return text


def test_qata_release_when_made_from_the_golden_rows_then_its_manifests_are_the_golden_manifests(
    golden_project: Project,
) -> None:
    release = freeze(golden_project)
    for path in ("manifest.json", "sealed/manifest.json"):
        assert manifest_text(release, path) == (GOLDEN / path).read_text(), path
    assert release.manifest_sha256 == storage.digest_of(release.manifest_key)


def test_qata_release_when_made_then_its_files_are_the_stored_files_at_the_golden_paths(
    golden_project: Project,
) -> None:
    release = freeze(golden_project)
    items = dict(release.items.values_list("path", "key"))
    listed = {
        f"{folder}{path}"
        for folder in ("", "sealed/")
        for path in (
            *json.loads((GOLDEN / folder / "manifest.json").read_text())["files"],
            "manifest.json",
            "manifest.json.sha256",
            "signature.json",
        )
    }
    assert items.keys() == listed
    films = {key for path, key in items.items() if "Images/" in path}
    assert films == set(
        golden_project.images.exclude(references__verdict="excluded").values_list(
            "pixels_key", flat=True
        )
    )
    masks = {key for path, key in items.items() if "Ground-truths/" in path}
    read = Reference.objects.filter(label__key="infection").exclude(verdict="excluded")
    implied = storage.put(golden_project.id, encode_mask(np.zeros((96, 48), np.bool_)))
    assert masks == {implied, *read.values_list("mask_key", flat=True)}
    checksum = storage.read(items["manifest.json.sha256"]).decode()
    assert checksum == f"{release.manifest_sha256}  manifest.json\n"
