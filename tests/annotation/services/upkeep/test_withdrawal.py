"""A withdrawal gives held cases back; an erasure keeps the bytes that another image shares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from annotation import storage
from annotation.errors import Invalid, NotFound
from annotation.models import (
    Assignment,
    AuditEvent,
    Image,
    Patient,
    Project,
    Truth,
    User,
)
from annotation.services import audit
from annotation.services.intake.importing import import_folder
from annotation.services.reading.next_case import lease_next_case
from annotation.services.upkeep.withdrawal import (
    erase_image,
    erase_patient,
    withdraw_image,
    withdraw_patient,
)
from tests.support import factories
from tests.support import intake_files as files

pytestmark = pytest.mark.postgres


@pytest.fixture
def cohort(project: Project, tmp_path: Path) -> Path:
    folder = files.cohort(tmp_path / "in")
    import_folder(project=project, folder=folder, masks_as="truth")
    return folder


def lease(image: Image, reader) -> Assignment:
    return Assignment.objects.create(
        project=image.project,
        image=image,
        reader=reader,
        purpose="seed",
        lease_expires_at=timezone.now() + timedelta(minutes=15),
    )


def test_withdraw_image_when_held_then_given_back_and_audited_once(
    project: Project, cohort: Path, member
) -> None:
    image = Image.objects.first()
    held = lease(image, member("reader"))
    curator = member("curator")
    assert withdraw_image(image=image, actor=curator, reason="consent")
    assert not withdraw_image(image=image, actor=curator, reason="consent")
    held.refresh_from_db()
    image.refresh_from_db()
    assert held.state == "released"
    assert held.closed_at == image.withdrawn_at
    event = AuditEvent.objects.get(verb="withdraw_image")
    assert (event.actor, event.target, event.facts) == (
        curator,
        str(image.id),
        {"reason": "consent"},
    )


def test_withdraw_when_no_reason_then_invalid(cohort: Path) -> None:
    with pytest.raises(Invalid, match="needs a written reason"):
        withdraw_image(image=Image.objects.first(), actor=None, reason=" ")


def test_withdraw_patient_when_imported_again_then_refused_by_name(
    project: Project, cohort: Path
) -> None:
    patient = Patient.objects.get(key="p0")
    assert withdraw_patient(patient=patient, actor=None, reason="consent")
    assert not Image.objects.filter(patient=patient, withdrawn_at=None).exists()
    files.write(cohort, {"images/0.png": files.png(files.film(77))})
    report = import_folder(project=project, folder=cohort, masks_as="truth")
    assert (report.added, report.known) == (0, 7)
    assert {item.reason for item in report.refused} == {
        "Its patient was withdrawn from this project.",
        "This image was withdrawn from this project.",
    }


def test_erase_image_when_masks_are_shared_then_only_its_own_bytes_go(
    project: Project, cohort: Path
) -> None:
    image = Image.objects.get(file_name="images/0.png")
    shared = Truth.objects.get(image=image, label__key="infection").mask_key
    assert Truth.objects.filter(mask_key=shared).count() > 1
    assert erase_image(image=image, actor=None, reason="request") >= 1
    assert storage.is_erased(image.pixels_key)
    for key in (image.pixels_key, image.preview_key, image.thumbnail_key):
        with pytest.raises(NotFound, match="erased on request"):
            storage.read(key)
    assert storage.read(shared)
    image.refresh_from_db()
    assert (image.file_name, image.finding) == ("", "")
    again = import_folder(project=project, folder=cohort, masks_as="truth")
    assert (again.added, again.n_refused) == (0, 1)


def test_erase_patient_when_masks_are_theirs_alone_then_masks_go_too(
    project: Project, tmp_path: Path
) -> None:
    folder = files.cohort(tmp_path / "in", covid=2, normal=0)
    import_folder(project=project, folder=folder, masks_as="seed")
    erase_patient(patient=Patient.objects.get(), actor=None, reason="request")
    keys = {read.mask_key for image in Image.objects.all() for read in image.annotations.all()}
    assert keys
    for key in keys:
        with pytest.raises(NotFound, match="erased on request"):
            storage.read(key)


@pytest.fixture
def blind_case(project: Project, member: Callable[..., User]) -> Assignment:
    """A leased blind case: its candidates are the drawn mask and masks of networks."""
    image = factories.make_image(project)
    factories.make_reference(image, factories.disc(), reader=member("reader", name="author"))
    factories.make_proposals(factories.make_round(project), image, kind="out_of_fold")
    case = lease_next_case(project=project, reader=member("reader", name="judge"))
    assert case is not None
    assert case.is_blind
    return case


def test_erase_image_when_a_reader_holds_its_blind_case_then_all_masks_go(
    blind_case: Assignment,
) -> None:
    offered = list(blind_case.candidates.values("id", "mask_key", "features"))
    assert len(offered) == 3
    assert all(row["features"] for row in offered)
    erase_image(image=blind_case.image, actor=None, reason="request")
    assert all(storage.is_erased(row["mask_key"]) for row in offered)
    assert list(blind_case.candidates.values("id", "mask_key", "features")) == offered
    assert AuditEvent.objects.filter(verb="erase_image").count() == 1
    blind_case.refresh_from_db()
    assert (blind_case.state, blind_case.image.file_name) == ("released", "")


def test_erase_image_when_its_rows_are_refused_then_a_repeat_finishes_it(
    blind_case: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = blind_case.image
    withdraw_image(image=image, actor=None, reason="request")

    def refuse(**_: object) -> None:
        raise RuntimeError("the database refuses")

    with monkeypatch.context() as patched:
        patched.setattr(audit, "record", refuse)
        with pytest.raises(RuntimeError, match="refuses"):
            erase_image(image=image, actor=None, reason="request")
    image.refresh_from_db()
    assert image.file_name
    assert not AuditEvent.objects.filter(verb="erase_image").exists()
    erase_image(image=image, actor=None, reason="request")
    image.refresh_from_db()
    assert storage.is_erased(image.pixels_key)
    assert image.file_name == ""
    assert AuditEvent.objects.filter(verb="erase_image").count() == 1
