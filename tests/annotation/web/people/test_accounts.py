"""The addresses under /accounts/: those that are listed, and no other of django-allauth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import include, path

from annotation.models import User
from annotation.web.people import accounts

# The address, and what nobody and a signed-in person get.
PAGES = {
    "login/": (200, 302),
    "logout/": (302, 200),
    "inactive/": (200, 200),
    "reauthenticate/": (302, 200),
    "password/change/": (302, 200),
    "sessions/": (302, 200),
    "sign-on/": (302, 200),
    "sign-on/cancelled/": (200, 200),
    "2fa/": (302, 200),
    "2fa/authenticate/": (302, 302),
    "2fa/reauthenticate/": (302, 302),
    "2fa/totp/activate/": (302, 302),
    "2fa/recovery-codes/generate/": (302, 302),
    "2fa/webauthn/add/": (302, 302),
    "2fa/webauthn/keys/1/remove/": (302, 302),
    "2fa/webauthn/reauthenticate/": (302, 302),
}
GONE = [
    "signup/", "email/", "confirm-email/", "password/set/", "password/reset/", "login/code/",
    "login/code/confirm/", "2fa/trust/", "2fa/webauthn/signup/", "social/signup/",
    "3rdparty/", "3rdparty/signup/", "3rdparty/login/error/", "phone/change/", "",
]  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_page_then_nobody_and_somebody_get_what_the_table_says(
    member: Callable[..., User], address: str
) -> None:
    cache.clear()
    somebody = Client()
    somebody.force_login(member("reader"))
    answers = [client.get(f"/accounts/{address}") for client in (Client(), somebody)]
    assert tuple(answer.status_code for answer in answers) == PAGES[address]
    for answer in answers:
        assert "unsafe" not in answer["Content-Security-Policy"]
        if answer.status_code == 200:  # our own look, no inline code
            page = answer.content.decode()
            assert "annotation/app.css" in page
            assert "<style" not in page
            assert " style=" not in page


@pytest.mark.parametrize("address", GONE)
def test_page_of_allauth_when_not_listed_then_not_found(db: None, address: str) -> None:
    assert Client().get(f"/accounts/{address}").status_code == 404
    assert Client().post(f"/accounts/{address}").status_code == 404


def test_routes_then_the_table_has_them_all() -> None:
    routes = {str(row.pattern) for row in accounts.urlpatterns}
    plain = {route for route in routes if "<" not in route}
    later = {"2fa/webauthn/", "2fa/webauthn/login/", "2fa/totp/deactivate/"}
    later |= {"2fa/recovery-codes/", "2fa/recovery-codes/download/"}
    assert plain - later <= set(PAGES)


def test_password_when_the_account_has_none_then_the_page_says_so(
    member: Callable[..., User],
) -> None:
    reader = member("reader")
    reader.set_unusable_password()
    reader.save()
    client = Client()
    client.force_login(reader)
    answer = client.get("/accounts/password/change/", follow=True)
    assert "Your account has no password" in answer.content.decode()


urlpatterns = [
    path("accounts/", include([*accounts.urlpatterns, *accounts._password_reset])),
    path("", include("annotation.web.urls")),
]


@pytest.mark.urls(__name__)
def test_reset_when_mail_is_set_up_then_a_link_only_to_accounts_with_a_password(
    member: Callable[..., User], settings: object
) -> None:
    cache.clear()
    person, service = member("reader"), member("viewer")
    User.objects.filter(pk=person.pk).update(email="person@example.org")
    service.set_unusable_password()
    service.email = "service@example.org"
    service.save()
    client = Client()
    for address in ("person@example.org", "service@example.org", "nobody@example.org"):
        page = client.post("/accounts/password/reset/", {"email": address}, follow=True)
        assert "Look into your mailbox" in page.content.decode()
    assert [letter.to for letter in mail.outbox] == [["person@example.org"]]
    link = next(word for word in mail.outbox[0].body.split() if "/password/reset/key/" in word)
    page = client.get(link, follow=True)
    words = {"password1": "long-enough-1", "password2": "long-enough-1"}
    done = client.post(page.context["action_url"], words, follow=True)
    assert "The password is set" in done.content.decode()
    assert "no longer works" in client.get(link, follow=True).content.decode()
