"""The people page refuses roles that mix, and lets a curator declare a project open."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from annotation.models import Membership, Project, User
from tests.support.calls import signed_in

pytestmark = pytest.mark.django_db
PAGE = "/p/pilot/people/"


@pytest.fixture
def client(member: Callable[..., User]) -> Client:
    return signed_in(member("curator", name="cleo"))


def said(client: Client, **form: str) -> str:
    """Post the form, follow it and return the page."""
    return client.post(PAGE, form, follow=True).content.decode()


def test_people_when_a_reader_would_also_see_then_the_page_says_why_not(
    client: Client, project: Project, member: Callable[..., User]
) -> None:
    ann = member("reader", name="ann")
    page = said(client, verb="add", username="ann", role="viewer")
    assert "ann is reader here and cannot also be viewer" in page
    assert Membership.objects.filter(user=ann).count() == 1
    assert "Nobody gives themself a role" in said(
        client, verb="add", username="cleo", role="reader"
    )
    assert "only curator" in said(client, verb="remove", username="cleo", role="curator")


def test_people_when_the_project_is_declared_open_then_every_page_of_figures_says_so(
    client: Client, project: Project
) -> None:
    assert "type pilot to declare it open" in said(client, verb="open", confirm="yes")
    project.refresh_from_db()
    assert not project.is_open
    page = said(client, verb="open", confirm="pilot")
    assert "Declare the project open" not in page
    for path in (PAGE, "/p/pilot/", "/p/pilot/rounds/", "/p/pilot/releases/"):
        assert "Reads since then are not blind" in client.get(path).content.decode(), path
