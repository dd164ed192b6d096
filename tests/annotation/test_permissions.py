"""A reading role outweighs every other role, on pages, in the API and in the administration."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import Client

from annotation import storage
from annotation.models import Annotation, LostDraft, Project, Reference, Release, User
from annotation.permissions import SEEING
from annotation.selectors.labels import label_of
from annotation.services.members import open_project
from mlloop.pixels.masks import encode_mask
from tests.support import factories
from tests.support.calls import ask, signed_in

pytestmark = pytest.mark.django_db
PAGES = ["", "images/", "rounds/", "releases/", "people/", "import/"]
API = ["images/", "rounds/", "releases/", "assignments/"]


@pytest.fixture
def read_project(project: Project) -> Project:
    """A project with a read image, a round and a release."""
    factories.make_reference(factories.make_image(project))
    factories.make_round(project)
    Release.objects.create(project=project, version="1.0.0", selection_key="x")
    return project


@pytest.mark.parametrize("reading", ["reader", "adjudicator"])
def test_member_when_rows_mix_roles_then_they_only_read(
    read_project: Project, member: Callable[..., User], reading: str
) -> None:
    client = signed_in(member(reading, *sorted(SEEING), name="both"))
    for page in PAGES[1:]:
        assert client.get(f"/p/pilot/{page}").status_code == 403, page
    for path in API:
        assert client.get(f"/api/v1/projects/pilot/{path}").status_code == 403, path
    overview = client.get("/p/pilot/").content.decode()
    assert "/p/pilot/images/" not in overview
    assert ask(client).status_code in (200, 204)
    open_project(project=read_project, actor=None)
    for page in PAGES:
        assert client.get(f"/p/pilot/{page}").status_code == 200, page


def test_curator_who_is_an_engineer_then_no_lost_mask_of_a_sealed_image(
    project: Project, member: Callable[..., User]
) -> None:
    reader, curator = member("reader"), signed_in(member("curator"))
    both = signed_in(member("curator", "engineer"))
    for split, status in (("sealed", 404), ("train", 200)):
        image = factories.make_image(project, split=split)
        case = factories.make_assignment(image, reader, state="submitted")
        lost = LostDraft.objects.create(
            assignment=case,
            label=label_of(project, "infection"),
            mask_key=storage.put(project.id, encode_mask(factories.disc())),
            etag=split,
        )
        cases = f"/api/v1/assignments/{case.id}/lost-drafts/"
        for url in (cases, f"{cases}{lost.id}/mask/"):
            assert curator.get(url).status_code == 200, url
            assert both.get(url).status_code == status, url


ADMIN = ("annotation", "reference", "round", "release", "splitentry", "auditevent", "project")


def rows_in_admin(client: Client, model: str) -> int:
    page = client.get(f"/admin/annotation/{model}/")
    return int(page.context["cl"].result_count)


def test_admin_when_a_superuser_reads_in_a_project_then_nothing_of_it_is_shown(
    read_project: Project, member: Callable[..., User]
) -> None:
    root = member("reader", name="root")
    root.is_staff = root.is_superuser = True
    root.save()
    other = User.objects.create_superuser("other", password="pass")
    annotation, reference = Annotation.objects.get(), Reference.objects.get()
    details: list[tuple[str, UUID]] = [
        ("annotation", annotation.pk),
        ("reference", reference.pk),
        ("project", read_project.pk),
    ]
    for model in ADMIN:
        assert rows_in_admin(signed_in(other), model) > 0, model
        assert rows_in_admin(signed_in(root), model) == 0, model
    for model, pk in details:
        url = f"/admin/annotation/{model}/{pk}/change/"
        assert signed_in(other).get(url).status_code == 200, url
        assert signed_in(root).get(url).status_code == 302, url  # "it does not exist"
    shows_names = signed_in(root).post(
        f"/admin/annotation/project/{read_project.pk}/change/",
        {"name": "Pilot", "time_zone": "UTC", "shows_file_names": "on"},
    )
    assert shows_names.status_code == 302
    read_project.refresh_from_db()
    assert not read_project.shows_file_names
    open_project(project=read_project, actor=None)
    assert rows_in_admin(signed_in(root), "annotation") == 1
