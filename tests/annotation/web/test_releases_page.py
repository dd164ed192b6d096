"""The releases page shows the public keys with which anybody can prove a release."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from annotation.models import Project, User
from annotation.selectors.releases.signing_keys import known_public_keys, private_key_file
from tests.support.factories import make_image, make_reference
from tests.support.releasing import freeze


def test_page_shows_the_public_key_and_never_the_private_one(
    project: Project, member: Callable[..., User], client: Client
) -> None:
    client.force_login(member("viewer"))
    before = client.get("/p/pilot/releases/").content.decode()
    assert "Its key is made with the first release" in before
    make_reference(make_image(project))
    release = freeze(project)
    page = client.get("/p/pilot/releases/").content.decode()
    ((key_id, pem),) = known_public_keys().items()
    assert pem in page
    assert key_id in page
    assert release.manifest_sha256 in page
    assert "PRIVATE KEY" not in page
    assert private_key_file().read_text().splitlines()[1] not in page
