"""Releases: frozen once, the same bytes for ever, killed and resumed without a trace."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from annotation import storage
from annotation.errors import Conflict, Invalid, NotFound, Refused
from annotation.formats.qata import MANIFEST, verify_folder
from annotation.models import AuditEvent, Image, Project, Release, ReleaseItem, User
from annotation.selectors.labels import label_of
from annotation.selectors.released import pseudonym
from annotation.services import claims
from annotation.services.drafts import save_draft
from annotation.services.leases import lease_next
from annotation.services.release_freezing import DUE, run_release
from annotation.services.release_narrowing import retry_release
from annotation.services.releases import export_release, request_release, stream_release
from annotation.services.submission import submit
from annotation.services.withdrawal import erase_image, withdraw_image, withdraw_patient
from mlloop.masks import decode_mask, encode_wire_mask
from tests.annotation.factories import (
    Mask,
    disc,
    make_image,
    make_proposals,
    make_reference,
    make_round,
)


@pytest.fixture
def filled(project: Project, member: Callable[..., User]) -> Project:
    """Three read images, one excluded one, and one control."""
    reader = member("reader")
    for seed in range(3):
        make_reference(make_image(project, seed=seed), reader=reader)
    make_reference(make_image(project, seed=8), reader=reader, verdict="excluded")
    make_image(project, group="normal", seed=9)
    return project


def freeze(project: Project, version: str = "1.0.0") -> Release:
    release = request_release(project=project, version=version, actor=None)
    run_release(release_id=release.id)
    release.refresh_from_db()
    return release


def test_release_holds_references_and_controls_and_no_excluded_image(
    filled: Project, tmp_path: Path
) -> None:
    release = freeze(filled)
    folder = export_release(release=release, folder=tmp_path / "out")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    assert verify_folder(folder).holds
    assert manifest["counts"]["masks"] == 4
    assert manifest["counts"]["verdict.redrawn"] == 3
    assert manifest["counts"]["verdict.control"] == 1
    assert len(list((folder / "Images").iterdir())) == 4
    for mask in manifest["masks"]:
        pixels = decode_mask((folder / mask["mask"]).read_bytes())
        assert pixels.shape == (mask["height"], mask["width"])
        assert int(pixels.sum()) == mask["infected_pixels"]
        wanted = 0 if mask["verdict"] == "control" else int(disc().sum())
        assert mask["infected_pixels"] == wanted


def test_release_names_no_source_file_patient_or_account(filled: Project, tmp_path: Path) -> None:
    folder = export_release(release=freeze(filled), folder=tmp_path / "out")
    text = (folder / MANIFEST).read_text() + (folder / "README.md").read_text()
    assert "secret-name" not in text
    assert '"reader": "reader"' not in text
    for patient in filled.patients.all():
        assert patient.key not in text
        assert str(patient.id) not in text
    for image in filled.images.all():
        assert image.id.hex[:12] not in text


def test_release_asked_twice_has_the_same_bytes(filled: Project, tmp_path: Path) -> None:
    first = freeze(filled)
    streamed = b"".join(stream_release(first))
    make_reference(make_image(filled, seed=50))
    again = freeze(filled)
    assert again.pk == first.pk
    assert again.manifest_sha256 == first.manifest_sha256
    assert b"".join(stream_release(again)) == streamed


def test_run_release_twice_changes_nothing(filled: Project) -> None:
    release = freeze(filled)
    items = set(ReleaseItem.objects.values_list("id", "sha256"))
    run_release(release_id=release.id)
    assert set(ReleaseItem.objects.values_list("id", "sha256")) == items


def test_release_killed_and_run_again_has_the_same_manifest(filled: Project) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, total: int) -> None:
        raise Killed

    release = request_release(project=filled, version="1.0.0", actor=None)
    with pytest.raises(Killed):
        run_release(release_id=release.id, progress=kill)
    assert not ReleaseItem.objects.exists()
    Release.objects.filter(pk=release.pk).update(claim_token=None)
    make_reference(make_image(filled, seed=60))  # read after the release was asked for
    run_release(release_id=release.id)
    release.refresh_from_db()
    whole = freeze(filled, "1.1.0")
    assert release.state == Release.State.FROZEN
    assert release.n_masks == 4
    assert whole.n_masks == 5


def test_release_held_by_another_worker_is_left_alone(filled: Project) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    assert claims.take(model=Release, pk=release.pk, due=DUE)
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert release.state == Release.State.DUE


def test_release_leaves_out_withdrawn_images(filled: Project, member: Callable[..., User]) -> None:
    image = filled.images.filter(group="covid", references__verdict="redrawn").first()
    assert image is not None
    withdraw_image(image=image, actor=member("curator"), reason="consent withdrawn")
    assert freeze(filled).n_masks == 3


def test_release_with_missing_bytes_fails_with_the_reason(filled: Project) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    image = filled.images.filter(references__verdict="redrawn").first()
    assert image is not None
    storage.local_path(image.pixels_key).unlink()
    run_release(release_id=release.id)
    release.refresh_from_db()
    assert release.state == Release.State.FAILED
    assert "is missing" in release.failure


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "../1.0.0", ""])
def test_release_wrong_version_is_refused(filled: Project, version: str) -> None:
    with pytest.raises(Invalid, match=r"write X\.Y\.Z"):
        request_release(project=filled, version=version, actor=None)


def test_release_of_nothing_is_refused(project: Project) -> None:
    with pytest.raises(Refused, match="nothing to release"):
        request_release(project=project, version="1.0.0", actor=None)


def test_export_unfrozen_or_into_a_full_folder_is_refused(filled: Project, tmp_path: Path) -> None:
    release = request_release(project=filled, version="1.0.0", actor=None)
    with pytest.raises(NotFound, match="being made"):
        export_release(release=release, folder=tmp_path / "out")
    run_release(release_id=release.id)
    release.refresh_from_db()
    (tmp_path / "stray").write_text("mine")
    with pytest.raises(Invalid, match="is not empty"):
        export_release(release=release, folder=tmp_path)
    assert (tmp_path / "stray").read_text() == "mine"


def test_retry_of_a_frozen_release_is_a_conflict(filled: Project) -> None:
    with pytest.raises(Conflict, match="only a failed one"):
        retry_release(release=freeze(filled), actor=None)


def a_read_image(project: Project) -> Image:
    image = project.images.filter(references__verdict="redrawn").first()
    assert image is not None
    return image


def digests(release: Release) -> set[str]:
    return set(release.items.values_list("sha256", flat=True))


def digest_in(image: Image) -> str:
    return storage.digest_of(image.pixels_key)


def dropped(verb: str) -> list[object]:
    rows = AuditEvent.objects.filter(verb=verb).order_by("created_at")
    return [row.facts["dropped"] for row in rows]


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
    assert b"".join(stream_release(release))


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


def test_items_of_a_killed_run_when_one_was_withdrawn_since_then_gone(filled: Project) -> None:
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
    before = b"".join(stream_release(release))
    withdraw_image(image=a_read_image(filled), actor=None, reason="consent withdrawn")
    run_release(release_id=release.id)
    assert b"".join(stream_release(release)) == before
    assert dropped("drop_withdrawn") == []


def test_published_release_when_an_image_is_erased_then_said_before_a_byte_is_sent(
    filled: Project, tmp_path: Path
) -> None:
    release = freeze(filled)
    erase_image(image=a_read_image(filled), actor=None, reason="consent withdrawn")
    with pytest.raises(Conflict, match="an image in it was erased on request"):
        stream_release(release)
    with pytest.raises(Conflict, match="Ask for a new version"):
        export_release(release=release, folder=tmp_path / "out")
    assert list(tmp_path.glob("*out*")) == []
    assert freeze(filled, "1.1.0").n_masks == 3


def test_controls_when_a_read_but_empty_image_is_erased_then_still_released(
    filled: Project, member: Callable[..., User]
) -> None:
    """An empty mask has the same bytes for everybody: erasing one must not take the others'."""
    empty = make_image(filled, seed=70)
    make_reference(empty, disc(radius=-1) & False, reader=member("viewer"), verdict="no_infection")
    first = freeze(filled)
    assert first.n_masks == 5
    erase_image(image=empty, actor=None, reason="consent withdrawn")
    assert freeze(filled, "1.1.0").state == "frozen"


def pick_manual(image: Image, *, judge: User, drawing: Mask | None = None) -> None:
    """Let `judge` pick the manual mask of an image, as it is or drawn over."""
    assignment = lease_next(project=image.project, reader=judge)
    assert assignment is not None
    label = label_of(image.project, "infection")
    etag = None
    if drawing is not None:
        etag = save_draft(
            assignment=assignment,
            reader=judge,
            label=label,
            png=encode_wire_mask(drawing),
            if_match=None,
            if_none_match="*",
        ).etag
    submit(
        assignment=assignment,
        reader=judge,
        client_id=uuid.uuid4(),
        label=label,
        decision="accept",
        draft_etag=etag,
        candidate=assignment.candidates.get(annotation__isnull=False).id,
    )


@pytest.mark.parametrize(
    ("drawing", "verdict"),
    [(None, "picked"), (disc(radius=5), "corrected"), (disc() & False, "no_infection")],
)
def test_manifest_when_the_manual_mask_was_the_base_then_says_so_and_who_drew_it(
    project: Project, member: Callable[..., User], drawing: Mask | None, verdict: str
) -> None:
    author, judge = member("reader", name="ann"), member("reader", name="bob")
    image = make_image(project)
    make_reference(image, reader=author)
    make_proposals(make_round(project), image, kind="out_of_fold")
    pick_manual(image, judge=judge, drawing=drawing)
    (mask,) = manifest_of(freeze(project))["masks"]
    assert (mask["verdict"], mask["candidate"], mask["network"]) == (verdict, "manual", None)
    assert mask["drawn_by"] == pseudonym(project, "reader", author.pk)
    assert mask["reader"] == pseudonym(project, "reader", judge.pk)


def test_manifest_when_the_manual_mask_was_imported_then_its_origin_and_no_drawer(
    project: Project, member: Callable[..., User]
) -> None:
    image = make_image(project)
    reference = make_reference(image, origin="imported")
    assert reference.annotations.get().reader is None
    make_proposals(make_round(project), image, kind="out_of_fold")
    pick_manual(image, judge=member("reader"), drawing=disc(radius=5))
    (mask,) = manifest_of(freeze(project))["masks"]
    assert (mask["candidate"], mask["drawn_by"], mask["origin"]) == ("manual", None, "imported")


def test_manifest_when_drawn_without_a_base_then_no_candidate_and_no_other_drawer(
    filled: Project,
) -> None:
    masks = manifest_of(freeze(filled))["masks"]
    assert {(mask["candidate"], mask["drawn_by"]) for mask in masks} == {("none", None)}


def manifest_of(release: Release) -> dict[str, list[dict[str, object]]]:
    item = release.items.get(path=MANIFEST)
    return json.loads(storage.read(item.key))
