"""No answer may be stored, and signing out empties the browser's cache."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from annotation.models import Project, User
from tests.support.factories import make_image


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/accounts/login/",
        "/p/pilot/",
        "/p/pilot/images/",
        "/p/pilot/images/{image}/preview/",
        "/p/pilot/images/{image}/thumbnail/",
        "/p/none/",
        "/api/v1/projects/",
        "/api/v1/images/{image}/pixels/",
        "/api/v1/images/{image}/preview/",
        "/api/v1/none/",
    ],
)
def test_no_answer_may_be_stored(
    project: Project, member: Callable[..., User], client: Client, path: str
) -> None:
    client.force_login(member("curator"))
    answer = client.get(path.format(image=make_image(project).id))
    assert answer["Cache-Control"] == "no-store"
    assert "Clear-Site-Data" not in answer


def test_pixels_can_be_asked_for_again_by_their_etag(
    project: Project, member: Callable[..., User], client: Client
) -> None:
    client.force_login(member("curator"))
    url = f"/api/v1/images/{make_image(project).id}/pixels/"
    again = client.get(url, headers={"If-None-Match": client.get(url)["ETag"]})
    assert (again.status_code, again["Cache-Control"]) == (304, "no-store")


def test_signing_out_empties_the_cache_and_keeps_the_journal(
    member: Callable[..., User], client: Client
) -> None:
    client.force_login(member("reader"))
    answer = client.post("/accounts/logout/")
    assert answer["Clear-Site-Data"] == '"cache"'
    assert "_auth_user_id" not in client.session
