"""The second look, hours later by the process's own clock, deletes pictures that no row names.

Files that a row names, new files, and files that are stored again between the looks stay.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from annotation import storage
from annotation.models import Assignment, LostDraft, Project, User
from annotation.selectors.labels import label_of
from annotation.selectors.upkeep.stored_keys import key_columns
from annotation.services.projects import create_project
from annotation.services.reading import lost_drafts
from annotation.services.upkeep import withdrawal
from annotation.services.upkeep.unused_files import SECONDS_BETWEEN_LOOKS, UnusedFiles
from mlloop.pixels.masks import encode_mask
from tests.support import factories
from tests.support.reading import save_disc


@pytest.fixture
def case(project: Project, member: Callable[..., User]) -> Assignment:
    return factories.make_assignment(factories.make_image(project), member("reader"))


class Looks:
    """A worker's looks at one project's files; the test sets the worker's clock."""

    def __init__(self, project: Project) -> None:
        self.seconds = 0.0
        self._files = UnusedFiles(lambda: self.seconds)
        self._project = project

    def look(self, *, after: float = SECONDS_BETWEEN_LOOKS) -> int:
        self.seconds += after
        return self._files.clear(self._project.id)


@pytest.fixture
def worker(project: Project) -> Looks:
    return Looks(project)


def files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def mask_of(radius: int) -> bytes:
    return encode_mask(factories.disc(radius=radius))


def key_of(case: Assignment, radius: int) -> str:
    return storage.key_of(case.project_id, etag_of(radius))


def etag_of(radius: int) -> str:
    return hashlib.sha256(mask_of(radius)).hexdigest()


def test_key_columns_are_these_and_drafts_come_before_lost_drafts() -> None:
    named = [f"{model.__name__}.{column}" for model, column in key_columns()]
    assert (named[0], named[-1]) == ("Draft.mask_key", "LostDraft.mask_key")
    assert set(named) - {"Patient.key", "Label.key", "CacheEntry.key"} == {
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


def test_unused_files_when_a_draft_was_replaced_then_only_its_old_mask_goes(
    case: Assignment, project: Project, data_root: Path, worker: Looks
) -> None:
    factories.make_proposals(factories.make_round(project), case.image)
    factories.make_reference(factories.make_image(project))
    save_disc(case, 5, if_match=save_disc(case, 3))
    other = factories.make_image(project)
    before = set(files(data_root))
    assert worker.look() == 0
    assert set(files(data_root)) == before
    assert worker.look() == 1
    gone = {path for path in before if path.name == etag_of(3)}
    assert len(gone) == 1
    assert set(files(data_root)) == before - gone
    assert worker.look() == worker.look() == 0
    assert storage.read(key_of(case, 5))
    assert storage.read(other.pixels_key)


def test_unused_files_when_a_lost_mask_is_forgotten_then_its_bytes_go_unless_a_read_has_them(
    case: Assignment, project: Project, worker: Looks
) -> None:
    label = label_of(project, "infection")
    for radius in (3, 12):
        key = storage.put(project.id, mask_of(radius))
        LostDraft.objects.create(assignment=case, label=label, mask_key=key, etag=etag_of(radius))
    factories.make_reference(factories.make_image(project), factories.disc(radius=12))
    assert worker.look() == worker.look() == 0
    LostDraft.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert lost_drafts.purge_lost_drafts() == 2
    assert worker.look() == 0
    assert worker.look() == 1
    assert not storage.is_stored(key_of(case, 3))
    assert storage.read(key_of(case, 12))


@pytest.mark.parametrize("date", ["1970-01-02", "2026-06-01", "2106-01-01"])
def test_unused_files_when_the_date_jumps_then_only_the_time_that_passed_counts(
    project: Project, worker: Looks, date: str
) -> None:
    """A file that waits for its row stays at any date; an unused file is deleted at any date."""
    with time_machine.travel(date):
        key = storage.put(project.id, mask_of(3))
        worker.look()
    with time_machine.travel("2090-01-01"):
        assert worker.look(after=SECONDS_BETWEEN_LOOKS - 1) == 0
        assert storage.is_stored(key)
    with time_machine.travel("1980-01-01"):
        assert worker.look(after=1) == 1


@pytest.mark.parametrize("seconds", [0.0, 4.1e9])
def test_unused_files_when_a_file_has_a_wrong_time_then_it_waits_for_the_second_look(
    project: Project, data_root: Path, worker: Looks, seconds: float
) -> None:
    """Times are wrong after a copy from a backup, or on a disk of another machine."""
    storage.put(project.id, mask_of(3))
    for path in files(data_root):
        os.utime(path, (seconds, seconds))
    assert worker.look() == 0
    assert worker.look() == 1


def test_unused_files_when_a_worker_is_killed_then_the_next_one_begins_with_a_first_look(
    project: Project,
) -> None:
    key = storage.put(project.id, mask_of(3))
    assert Looks(project).look() == 0
    restarted = Looks(project)
    assert restarted.look() == restarted.look(after=SECONDS_BETWEEN_LOOKS / 2) == 0
    assert storage.is_stored(key)
    assert restarted.look() == 1


def test_unused_files_when_the_same_bytes_are_stored_again_then_the_looks_begin_again(
    project: Project, worker: Looks
) -> None:
    key = storage.put(project.id, mask_of(3))
    worker.look()
    assert storage.put(project.id, mask_of(3)) == key  # no row yet
    assert worker.look() == 0
    assert storage.Batch(project.id).put(mask_of(3)) == key
    assert worker.look() == 0
    assert worker.look() == 1


def test_unused_files_when_bytes_are_stored_between_the_look_and_the_delete_then_they_stay(
    case: Assignment, project: Project, worker: Looks
) -> None:
    """The row is committed after the look at the rows, so only the mark shows the new store."""
    key = storage.put(project.id, mask_of(3))
    (sighting,) = (seen for seen in storage.walk(project.id, storage.digest_of(key)[:2]))
    assert storage.put(project.id, mask_of(3)) == key
    assert not storage.delete(key, mark=sighting.mark)
    assert storage.read(key)


def test_unused_files_when_writers_and_two_workers_race_then_no_file_stored_since_the_look_goes(
    project: Project,
) -> None:
    """Eight saves store masks that were unused so far, while two workers delete those masks."""
    masks = [mask_of(radius) for radius in range(2, 10)]

    def delete(seen: list[storage.Sighting]) -> None:
        for sighting in seen:
            storage.delete(sighting.key, mark=sighting.mark)

    with ThreadPoolExecutor(10) as threads:
        for _ in range(30):
            keys = [storage.put(project.id, mask) for mask in masks]
            seen = list(storage.walk(project.id, ""))
            deletes = [threads.submit(delete, seen) for _ in range(2)]
            saves = [threads.submit(storage.put, project.id, mask) for mask in masks]
            assert [save.result() for save in saves] == keys
            assert [done.result() for done in deletes] == [None, None]
            assert [key for key in keys if not storage.is_stored(key)] == []


def test_unused_files_when_a_worker_was_killed_between_two_steps_then_the_file_comes_back(
    case: Assignment, data_root: Path, worker: Looks
) -> None:
    save_disc(case, 5)
    (path,) = (path for path in files(data_root) if path.name == etag_of(5))
    path.rename(path.with_name(f".aside-0123abcd-{path.name}"))
    half = path.with_name(".tmp-half")
    half.write_bytes(b"half a mask")
    assert worker.look() == 0
    assert storage.read(key_of(case, 5))
    assert half.exists()  # perhaps somebody is writing it
    assert worker.look() == 1
    assert not half.exists()
    assert storage.read(key_of(case, 5))


def test_unused_files_when_they_are_weights_documents_or_tombstones_then_they_stay(
    case: Assignment, project: Project, data_root: Path, worker: Looks
) -> None:
    for data in (b"weights", b"{}"):
        storage.put(project.id, data)
    save_disc(case, 5)
    withdrawal.erase_image(image=case.image, actor=None, reason="consent withdrawn")
    before = set(files(data_root))
    assert worker.look() == worker.look() == 0
    assert set(files(data_root)) == before


def test_unused_files_when_another_project_has_some_then_they_are_not_touched(
    project: Project, worker: Looks
) -> None:
    other = create_project(slug="other", name="Other", actor=None)
    key = storage.put(other.id, mask_of(12))
    assert worker.look() == worker.look() == 0
    assert storage.read(key)
    of_other = Looks(other)
    assert (of_other.look(), of_other.look()) == (0, 1)
