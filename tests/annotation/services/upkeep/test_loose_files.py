"""Bytes that no row names go after a day; whatever a row names, and whatever is new, stays."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from annotation import storage
from annotation.models import Assignment, LostDraft, Project, User
from annotation.selectors.labels import label_of
from annotation.selectors.upkeep.stored_keys import key_columns
from annotation.services.projects import create_project
from annotation.services.reading import lost_drafts
from annotation.services.upkeep import withdrawal
from annotation.services.upkeep.loose_files import clear_loose_files
from mlloop.pixels.masks import encode_mask
from tests.annotation import factories
from tests.annotation.services.reading.test_lost_masks import save


@pytest.fixture
def case(project: Project, member: Callable[..., User]) -> Assignment:
    return factories.make_assignment(factories.make_image(project), member("reader"))


def files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def age(root: Path) -> None:
    """Let every stored file be older than a day."""
    for path in files(root):
        os.utime(path, (0, 0))


def key_of(case: Assignment, radius: int) -> str:
    return storage.key_of(case.project_id, etag_of(radius))


def etag_of(radius: int) -> str:
    return hashlib.sha256(encode_mask(factories.disc(radius=radius))).hexdigest()


def test_key_columns_are_these_and_drafts_come_before_lost_drafts() -> None:
    named = [f"{model.__name__}.{column}" for model, column in key_columns()]
    assert (named[0], named[-1]) == ("Draft.mask_key", "LostDraft.mask_key")
    assert set(named) - {"Patient.key", "Label.key"} == {
        "Image.pixels_key",
        "Image.preview_key",
        "Image.thumbnail_key",
        "Truth.mask_key",
        "Annotation.mask_key",
        "Candidate.mask_key",
        "Reference.mask_key",
        "Draft.mask_key",
        "LostDraft.mask_key",
        "Proposal.probability_key",
        "Proposal.disagreement_key",
        "EnsembleMember.weights_key",
        "Round.snapshot_key",
        "Round.evaluation_key",
        "Round.report_key",
        "Release.selection_key",
        "Release.manifest_key",
        "ReleaseItem.key",
    }


def test_key_columns_have_every_holder_that_an_erasure_knows() -> None:
    known = {(model, column) for model, _, columns in withdrawal._HOLDERS for column in columns}
    assert known <= set(key_columns())


def test_loose_files_when_a_draft_was_replaced_then_only_its_old_mask_goes(
    case: Assignment, project: Project, data_root: Path
) -> None:
    factories.make_proposals(factories.make_round(project), case.image)
    factories.make_reference(factories.make_image(project))
    save(case, 5, if_match=save(case, 3))
    other = factories.make_image(project)
    before = set(files(data_root))
    assert clear_loose_files(project_id=project.id) == 0  # all of it is new
    age(data_root)
    assert clear_loose_files(project_id=project.id) == 1
    gone = storage.local_path(key_of(case, 3))
    assert set(files(data_root)) == before - {gone}
    assert clear_loose_files(project_id=project.id) == 0
    assert storage.read(key_of(case, 5))
    assert storage.read(other.pixels_key)


def test_loose_files_when_a_lost_mask_is_forgotten_then_its_bytes_go_unless_a_read_has_them(
    case: Assignment, project: Project, data_root: Path
) -> None:
    label = label_of(project, "infection")
    for radius in (3, 12):
        key = storage.put(project.id, encode_mask(factories.disc(radius=radius)))
        LostDraft.objects.create(assignment=case, label=label, mask_key=key, etag=etag_of(radius))
    factories.make_reference(factories.make_image(project), factories.disc(radius=12))
    age(data_root)
    assert clear_loose_files(project_id=project.id) == 0
    LostDraft.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert lost_drafts.purge_lost_drafts() == 2
    assert clear_loose_files(project_id=project.id) == 1
    assert not storage.local_path(key_of(case, 3)).exists()
    assert storage.read(key_of(case, 12))


def test_loose_files_when_the_same_bytes_are_being_saved_then_they_stay(
    case: Assignment, project: Project, data_root: Path
) -> None:
    key = storage.put(project.id, encode_mask(factories.disc(radius=3)))
    age(data_root)
    assert storage.put(project.id, encode_mask(factories.disc(radius=3))) == key  # no row yet
    assert clear_loose_files(project_id=project.id) == 0
    # The same, with the sweep already past its look at the rows.
    assert not storage.remove_untouched(key, since=storage.local_path(key).stat().st_mtime)
    assert storage.read(key)


def test_loose_files_when_a_sweep_was_killed_between_two_steps_then_the_file_comes_back(
    case: Assignment, project: Project, data_root: Path
) -> None:
    save(case, 5)
    path = storage.local_path(key_of(case, 5))
    path.rename(path.with_name(f".aside-{path.name}"))
    half = path.with_name(".tmp-half")
    half.write_bytes(b"half a mask")
    age(data_root)
    assert clear_loose_files(project_id=project.id) == 0
    assert storage.read(key_of(case, 5))
    assert not half.exists()


def test_loose_files_when_they_are_weights_documents_or_tombstones_then_they_stay(
    case: Assignment, project: Project, data_root: Path
) -> None:
    for data in (b"weights", b"{}"):
        storage.put(project.id, data)
    save(case, 5)
    withdrawal.erase_image(image=case.image, actor=None, reason="consent withdrawn")
    before = set(files(data_root))
    age(data_root)
    assert clear_loose_files(project_id=project.id) == 0
    assert set(files(data_root)) == before


def test_loose_files_when_another_project_has_some_then_they_are_not_touched(
    case: Assignment, project: Project, data_root: Path
) -> None:
    other = create_project(slug="other", name="Other", actor=None)
    key = storage.put(other.id, encode_mask(factories.disc()))
    age(data_root)
    assert clear_loose_files(project_id=project.id) == 0
    assert storage.read(key)
    assert clear_loose_files(project_id=other.id) == 1
