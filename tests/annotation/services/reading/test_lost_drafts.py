"""Lost drafts: how long they are kept, and that no erased bytes come back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from annotation import storage
from annotation.errors import Conflict, NotFound, StaleDraft
from annotation.models import Assignment, AuditEvent, Draft, LostDraft, Project, User
from annotation.selectors.labels import label_of
from annotation.selectors.reading.lost_drafts import lost_draft, lost_drafts_of
from annotation.services.reading import lost_drafts
from annotation.services.upkeep import withdrawal
from mlloop.pixels.masks import encode_mask
from tests.support import factories
from tests.support.reading import save_disc


@pytest.fixture
def case(project: Project, member: Callable[..., User]) -> Assignment:
    return factories.make_assignment(factories.make_image(project), member("reader"))


def erase(case: Assignment) -> None:
    withdrawal.erase_image(image=case.image, actor=None, reason="consent withdrawn")


def with_bytes(root: Path) -> set[str]:
    """Return the names of the stored files that are not tombstones."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.name for path in files if b"erased" not in path.read_bytes()}


def test_save_when_the_image_was_erased_then_no_bytes_and_no_row(
    case: Assignment, data_root: Path
) -> None:
    first = save_disc(case, 5)
    erase(case)
    before = with_bytes(data_root)
    for radius in (5, 7):  # the erased mask, which an open tab sends again, and a new mask
        with pytest.raises(Conflict, match="withdrawn while you read it") as refused:
            save_disc(case, radius, if_match=first)
        assert refused.value.code == "withdrawn"
    assert with_bytes(data_root) == before
    assert not LostDraft.objects.exists()
    with pytest.raises(NotFound, match="erased on request"):
        storage.read(Draft.objects.get().mask_key)


def lose(case: Assignment, radius: int) -> None:
    """Send a save over a draft that another window has replaced."""
    with pytest.raises(StaleDraft):
        save_disc(case, radius, if_match="0" * 64)


def test_lost_drafts_when_more_than_the_cap_then_the_readers_oldest_go_with_an_audit_row(
    case: Assignment, member: Callable[..., User], settings: LazySettings
) -> None:
    settings.LOST_DRAFTS_PER_IMAGE = 3
    other = factories.make_assignment(case.image, member("reader", name="other"), state="submitted")
    infection = label_of(case.project, "infection")
    kept_by_other = LostDraft.objects.create(assignment=other, label=infection)
    save_disc(case, 4)  # the first lost save keeps a copy of this draft too
    for radius in (5, 6, 7, 8):
        lose(case, radius)
    kept = LostDraft.objects.filter(assignment=case)
    newest = {draft_etag(case, radius) for radius in (7, 8)}
    assert kept.count() == 3
    assert newest <= set(kept.values_list("etag", flat=True))
    assert LostDraft.objects.filter(pk=kept_by_other.pk).exists()
    event = AuditEvent.objects.filter(verb="drop_lost_drafts").latest("created_at")
    assert (event.actor, event.target, event.facts["dropped"]) == (case.reader, str(case.id), 1)
    assert Draft.objects.get(assignment=case).etag == draft_etag(case, 4)  # untouched


def draft_etag(case: Assignment, radius: int) -> str:
    return hashlib.sha256(encode_mask(factories.disc(radius=radius))).hexdigest()


def during_the_save(action: Callable[[], None]) -> Callable[..., Any]:
    """Call `action` after the bytes are stored and before the row is written."""
    done: list[bool] = []

    def run(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SAVEPOINT") and not done:
            done.append(True)
            action()
        return execute(sql, params, many, context)

    return run


def test_save_when_the_image_is_erased_meanwhile_then_the_tombstone_is_restored(
    case: Assignment, project: Project
) -> None:
    key = storage.put(project.id, encode_mask(factories.disc(radius=5)))
    storage.erase(key)
    meanwhile = during_the_save(lambda: erase(case))
    with connection.execute_wrapper(meanwhile), pytest.raises(Conflict, match="withdrawn"):
        save_disc(case, 5)
    assert storage.is_erased(key)
    assert not Draft.objects.exists()
    assert not LostDraft.objects.exists()


def test_save_when_another_image_had_the_same_mask_erased_then_it_is_stored_again(
    case: Assignment, project: Project
) -> None:
    key = storage.put(project.id, encode_mask(factories.disc(radius=5)))
    storage.erase(key)
    save_disc(case, 5)
    assert Draft.objects.get().mask_key == key
    assert storage.read(key)


def test_lost_draft_when_refused_again_then_its_thirty_days_start_again(case: Assignment) -> None:
    base = save_disc(case, 3)
    save_disc(case, 5, if_match=base)
    start = timezone.now()
    for days in (0, 20):
        with time_machine.travel(start + timedelta(days=days)), pytest.raises(StaleDraft):
            save_disc(case, 7, if_match=base)
    kept = LostDraft.objects.get(etag=storage.digest_of(key_of(case, 7)))
    with time_machine.travel(start + timedelta(days=49)):
        assert lost_drafts.purge_lost_drafts() == 0
        assert lost_draft(assignment=case, lost_id=kept.id) == kept
        assert kept in lost_drafts_of(case)
    with time_machine.travel(start + timedelta(days=51)):
        assert list(lost_drafts_of(case)) == []
        assert lost_drafts.purge_lost_drafts() == 2
        assert lost_drafts.purge_lost_drafts() == 0


def key_of(case: Assignment, radius: int) -> str:
    return storage.put(case.project_id, encode_mask(factories.disc(radius=radius)))
