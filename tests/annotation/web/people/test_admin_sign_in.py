"""There is one way in: the admin checks no password."""

from __future__ import annotations

import pytest
from django.test import Client

from annotation.models import User

pytestmark = pytest.mark.django_db
RIGHT = {"username": "root", "password": "pass", "next": "/admin/"}


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", password="pass")


def test_admin_login_when_the_password_is_right_then_it_is_not_even_looked_at(root: User) -> None:
    client = Client()
    for answer in (client.post("/admin/login/", RIGHT), client.get("/admin/login/?next=/admin/")):
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/admin/")
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    assert "_auth_user_id" not in client.session


def test_admin_login_when_next_leads_elsewhere_then_to_the_admin(root: User) -> None:
    answer = Client().get("/admin/login/?next=https://evil.example.org/")
    assert answer["Location"] == "/accounts/login/?next=/admin/"


def test_admin_login_when_signed_in_then_staff_pass_and_others_get_a_sentence(root: User) -> None:
    client = Client()
    client.force_login(root)
    assert client.get("/admin/login/?next=/admin/annotation/user/")["Location"] == (
        "/admin/annotation/user/"
    )
    client.force_login(User.objects.create_user("ann"))
    refused = client.get("/admin/login/?next=/admin/")
    assert refused.status_code == 403
    assert b"may not use the administration" in refused.content


def test_admin_password_page_when_opened_then_the_account_page_asks(root: User) -> None:
    client = Client()
    client.force_login(root)
    answer = client.post("/admin/password_change/", {"old_password": "pass"})
    assert answer["Location"] == "/accounts/password/change/"
