"""Access to the image pages, and the pages for upload and withdrawal."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotation.models import Image, Intake, Project
from annotation.services.intake.importing import import_folder
from annotation.services.intake.uploads import run_intake
from annotation.services.projects import create_project
from annotation.services.upkeep.withdrawal import erase_image
from tests.support import intake_files as files
from tests.support.calls import signed_in

pytestmark = pytest.mark.postgres


@pytest.fixture
def image(project: Project, tmp_path: Path) -> Image:
    import_folder(project=project, folder=files.cohort(tmp_path / "in"), masks_as="truth")
    return Image.objects.get(file_name="images/0.png")


@pytest.mark.parametrize("role", ["curator", "engineer", "viewer", "reader", "adjudicator", ""])
def test_image_pages_when_requested_then_only_staff_see_them(
    project: Project, image: Image, member, role
):
    client = signed_in(member(*filter(None, [role])))
    expected = {"": 404, "reader": 403, "adjudicator": 403}.get(role, 200)
    for name, args in (
        ("images", ()),
        ("image", (image.id,)),
        ("image_thumbnail", (image.id,)),
        ("image_preview", (image.id,)),
    ):
        response = client.get(reverse(name, args=[project.slug, *args]))
        assert response.status_code == expected, name
        if expected != 200:
            assert b"images/0.png" not in response.content


def test_thumbnail_when_of_another_project_then_404(project: Project, image: Image, member):
    other = create_project(slug="other", name="Other", actor=None)
    curator = member("curator")
    other.memberships.create(user=curator, role="curator")
    url = reverse("image_thumbnail", args=["other", image.id])
    assert signed_in(curator).get(url).status_code == 404


def test_thumbnail_when_served_then_not_stored_and_a_png(project: Project, image: Image, member):
    response = signed_in(member("viewer")).get(
        reverse("image_thumbnail", args=[project.slug, image.id])
    )
    assert response["Content-Type"] == "image/png"
    assert response["Cache-Control"] == "no-store"
    assert response.content.startswith(b"\x89PNG")


def test_thumbnail_when_erased_then_404(project: Project, image: Image, member):
    erase_image(image=image, actor=None, reason="request")
    client = signed_in(member("curator"))
    url = reverse("image_thumbnail", args=[project.slug, image.id])
    assert client.get(url).status_code == 404


def test_images_when_narrowed_and_paged_then_a_fixed_number_of_queries(
    project: Project, image: Image, member, django_assert_max_num_queries
):
    client = signed_in(member("curator"))
    url = reverse("images", args=[project.slug])
    with django_assert_max_num_queries(12):
        page = client.get(url, {"group": "normal", "page": "99"})
    assert page.content.count(b'class="film"') == 3
    assert client.get(url, {"group": "x' or 1"}).content.count(b'class="film"') == 0


def test_file_name_when_it_holds_markup_then_escaped(project: Project, tmp_path: Path, member):
    name = "<img src=x onerror=alert(1)>.png"
    import_folder(
        project=project, folder=files.write(tmp_path / "in", {name: files.png(files.film(0))})
    )
    page = signed_in(member("curator")).get(reverse("images", args=[project.slug]))
    assert b"<img src=x" not in page.content
    assert b"&lt;img src=x" in page.content


@pytest.mark.parametrize("role", ["engineer", "viewer", "reader", "adjudicator", ""])
def test_upload_when_not_a_curator_then_refused_and_nothing_is_stored(
    project: Project, member, role
):
    client = signed_in(member(*filter(None, [role])))
    url = reverse("intake", args=[project.slug])
    sent = {"images": SimpleUploadedFile("a.png", files.png(files.film(0)))}
    assert client.post(url, sent).status_code == (403 if role else 404)
    assert not Intake.objects.exists()


def test_upload_when_the_csrf_token_is_missing_then_403(project: Project, member):
    client = Client(enforce_csrf_checks=True)
    client.force_login(member("curator"))
    sent = {"images": SimpleUploadedFile("a.png", files.png(files.film(0)))}
    assert client.post(reverse("intake", args=[project.slug]), sent).status_code == 403
    assert not Intake.objects.exists()


def test_upload_when_too_large_then_refused_before_it_is_read(project: Project, member, settings):
    settings.MAX_UPLOAD_BYTES = 1024
    client = signed_in(member("curator"))
    sent = {"images": SimpleUploadedFile("a.png", bytes(5000))}
    response = client.post(reverse("intake", args=[project.slug]), sent)
    assert response.status_code == 413
    assert b"This upload is larger than" in response.content


def test_upload_when_sent_then_page_shows_progress_and_then_each_reason(project: Project, member):
    client = signed_in(member("curator"))
    sent = {
        "images": [
            SimpleUploadedFile("a.png", files.png(files.film(0))),
            SimpleUploadedFile("b.png", b"no image"),
        ],
        "group": "covid",
    }
    response = client.post(reverse("intake", args=[project.slug]), sent)
    intake = Intake.objects.get()
    assert response["Location"] == reverse("intake_result", args=[project.slug, intake.id])
    waiting = client.get(response["Location"])
    assert b"Waiting for a worker" in waiting.content
    assert b"hx-trigger" in waiting.content
    run_intake(intake_id=intake.id)
    done = client.get(response["Location"], headers={"HX-Request": "true"})
    assert b"This is not a PNG, JPEG or TIFF file." in done.content
    assert b"hx-trigger" not in done.content
    assert b"<html" not in done.content


def test_upload_when_nothing_is_chosen_then_the_page_says_so(project: Project, member):
    response = signed_in(member("curator")).post(reverse("intake", args=[project.slug]))
    assert response.status_code == 422
    assert b"Choose at least one image or a zip file." in response.content


def test_withdraw_when_there_is_no_reason_then_nothing_changes_and_with_a_reason_it_is_withdrawn(
    project: Project, image: Image, member
):
    client = signed_in(member("curator"))
    url = reverse("image_withdraw", args=[project.slug, image.id])
    client.post(url, {"what": "image", "reason": ""})
    assert Image.objects.get(pk=image.pk).withdrawn_at is None
    client.post(url, {"what": "image", "reason": "consent withdrawn"})
    assert Image.objects.get(pk=image.pk).withdrawn_at is not None
    assert signed_in(member("viewer")).post(url, {"reason": "x"}).status_code == 403
    assert client.get(url).status_code == 405
