"""A withdrawn or erased image is left out of later releases; earlier releases do not change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from annotation import storage
from annotation.errors import Conflict, Refused
from annotation.formats.verification import verify_folder
from annotation.models import AuditEvent, Image, Project, Release, ReleaseItem, User
from annotation.services.releases.exporting import download_release, export_release
from annotation.services.releases.freezing import run_release
from annotation.services.releases.requesting import request_release, retry_release
from annotation.services.upkeep.withdrawal import erase_image, withdraw_image, withdraw_patient
from tests.support.factories import (
    disc,
    make_image,
    make_reference,
)
from tests.support.releasing import a_read_image, freeze


def digests(release: Release) -> set[str]:
    return set(release.items.values_list("sha256", flat=True))


def digest_in(image: Image) -> str:
    return storage.digest_of(image.pixels_key)


def dropped(verb: str) -> list[object]:
    rows = AuditEvent.objects.filter(verb=verb).order_by("created_at")
    return [row.facts["dropped"] for row in rows]


def test_release_leaves_out_withdrawn_images(filled: Project, member: Callable[..., User]) -> None:
    image = filled.images.filter(group="covid", references__verdict="redrawn").first()
    assert image is not None
    withdraw_image(image=image, actor=member("curator"), reason="consent withdrawn")
    assert freeze(filled).n_masks == 3


def test_release_due_when_an_image_is_withdrawn_then_published_without_it(
    filled: Project, tmp_path: Path
) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    image = a_read_image(filled)
    withdraw_image(image=image, actor=None, reason="consent withdrawn")
    make_reference(make_image(filled, seed=61))  # read later: belongs to the next version
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert (release.state, release.n_masks, release.total) == ("frozen", 3, 3)
    assert digest_in(image) not in digests(release)
    assert dropped("drop_withdrawn") == [1]
    folder = export_release(release=release, folder=tmp_path / "out")
    assert verify_folder(folder).holds
    assert "Withdrawn images left out: 1." in (folder / "README.md").read_text()


def test_release_due_when_a_controls_patient_is_withdrawn_then_published_without_it(
    filled: Project,
) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    control = filled.images.get(group="normal")
    withdraw_patient(patient=control.patient, actor=None, reason="consent withdrawn")
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert (release.state, release.n_masks) == ("frozen", 3)
    assert digest_in(control) not in digests(release)


@pytest.mark.parametrize("take_out", [withdraw_image, erase_image])
def test_withdrawal_while_a_release_is_made_then_seen_before_it_is_published(
    filled: Project, take_out: Callable[..., object]
) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    image = a_read_image(filled)

    def withdraw_late(done: int, total: int) -> None:
        if done == total:
            take_out(image=image, actor=None, reason="consent withdrawn")

    run_release(release_id=release.id, progress=withdraw_late)
    release.refresh_from_db()
    assert (release.state, release.n_masks) == ("frozen", 3)
    assert digest_in(image) not in digests(release)
    assert dropped("drop_withdrawn") == [1]
    assert b"".join(download_release(release=release, part="open", actor=None))


def test_failed_release_with_an_erased_image_is_retried_without_it(
    filled: Project, member: Callable[..., User]
) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    image, curator = a_read_image(filled), member("curator")
    Release.objects.filter(pk=release.pk).update(state="failed", failure="These bytes were erased.")
    erase_image(image=image, actor=curator, reason="consent withdrawn")
    release = retry_release(release=release, actor=curator)
    assert (release.state, release.failure, release.total) == ("due", "", 3)
    assert dropped("retry_release") == [1]
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert (release.state, release.n_masks) == ("frozen", 3)
    assert dropped("drop_withdrawn") == []


def test_items_of_a_killed_run_when_an_image_was_withdrawn_since_then_gone(filled: Project) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    image = a_read_image(filled)
    left_over = ReleaseItem.objects.create(
        release=release, path="Images/left.png", key=image.pixels_key, sha256="0" * 64, size=1
    )
    withdraw_image(image=image, actor=None, reason="consent withdrawn")
    run_release(release_id=release.id)
    assert not ReleaseItem.objects.filter(pk=left_over.pk).exists()


def test_release_when_everything_was_withdrawn_then_failed_with_the_reason(
    filled: Project,
) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    for image in filled.images.filter(references__verdict="redrawn"):
        withdraw_image(image=image, actor=None, reason="consent withdrawn")
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert release.state == "failed"
    assert release.failure.startswith("Nothing of release 1.0.0 is left")
    with pytest.raises(Refused, match="Ask for a new version"):
        retry_release(release=release, actor=None)


def test_published_release_when_an_image_is_withdrawn_then_the_same_bytes(filled: Project) -> None:
    release = freeze(filled)
    before = b"".join(download_release(release=release, part="open", actor=None))
    withdraw_image(image=a_read_image(filled), actor=None, reason="consent withdrawn")
    run_release(release_id=release.id)
    assert b"".join(download_release(release=release, part="open", actor=None)) == before
    assert dropped("drop_withdrawn") == []


def test_published_release_when_an_image_is_erased_then_refused_before_a_byte_is_sent(
    filled: Project, tmp_path: Path
) -> None:
    release = freeze(filled)
    erase_image(image=a_read_image(filled), actor=None, reason="consent withdrawn")
    with pytest.raises(Conflict, match="an image in it was erased on request"):
        download_release(release=release, part="open", actor=None)
    with pytest.raises(Conflict, match="Ask for a new version"):
        export_release(release=release, folder=tmp_path / "out")
    assert list(tmp_path.glob("*out*")) == []
    assert freeze(filled, "1.1.0").n_masks == 3


def test_controls_when_a_read_but_empty_image_is_erased_then_still_released(
    filled: Project, member: Callable[..., User]
) -> None:
    """Empty masks share their bytes: the erasure of one image must keep them for the others."""
    empty = make_image(filled, seed=70)
    make_reference(empty, disc(radius=-1) & False, reader=member("viewer"), verdict="no_infection")
    first = freeze(filled)
    assert first.n_masks == 5
    erase_image(image=empty, actor=None, reason="consent withdrawn")
    assert freeze(filled, "1.1.0").state == "frozen"
