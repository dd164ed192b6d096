"""Guessing becomes slow, and nobody can stop a colleague from signing in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client

from annotation.models import CacheEntry, Project, User
from annotation.services.sign_in_delays import MAX_WAIT

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
HOSPITAL, ATTACKER = "198.51.100.1", "203.0.113.7"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands still until a test moves it."""
    with time_machine.travel("2026-03-01T12:00:00+00:00", tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: LazySettings) -> None:
    settings.PROXIES = 1
    settings.CACHES = {"default": {"BACKEND": "annotation.services.table_cache.TableCache"}}


@pytest.fixture
def ann(project: Project, member: Callable[..., User]) -> User:
    return member("reader", name="ann")


def sign_in(name: str, password: str, address: str, client: Client | None = None) -> str:
    """Try to sign in on the page; return what the page says, or an empty text if it worked."""
    answer = (client or Client()).post(
        "/accounts/login/",
        {"login": name, "password": password},
        headers={"X-Forwarded-For": f"10.9.9.9, {address}"},
    )
    if answer.status_code == 302:
        return ""
    page = answer.content.decode()
    return "too often" if "Try again in" in page else "wrong"


def ask_token(name: str, password: str, address: str):
    body = json.dumps({"username": name, "password": password})
    headers = {"X-Forwarded-For": address}
    return Client().post("/api/v1/auth/token/", body, "application/json", headers=headers)


def test_sign_in_when_one_guesses_then_the_wait_doubles_up_to_a_minute(
    ann: User, clock: time_machine.Traveller
) -> None:
    assert [sign_in("ann", "no", ATTACKER) for _ in range(5)] == ["wrong"] * 5
    wait = 1.0
    for _ in range(9):
        assert sign_in("ann", "no", ATTACKER) == "too often"
        clock.shift(wait - 0.5)
        assert sign_in("ann", "pass", ATTACKER) == "too often"  # the password is not looked at
        clock.shift(0.5)
        assert sign_in("ann", "no", ATTACKER) == "wrong"
        wait = min(wait * 2, MAX_WAIT)
    clock.shift(MAX_WAIT)
    assert sign_in("ann", "pass", ATTACKER) == ""


def test_sign_in_when_a_stranger_guesses_elsewhere_then_the_person_is_not_delayed(
    ann: User, clock: time_machine.Traveller
) -> None:
    assert sign_in("ann", "pass", HOSPITAL) == ""
    for number in range(40):  # from 40 addresses, so that no single one is delayed
        sign_in("ann", "no", f"203.0.113.{number}")
    assert sign_in("ann", "no", "203.0.113.99") == "too often"
    assert sign_in("ann", "pass", HOSPITAL) == ""
    assert ask_token("ann", "pass", HOSPITAL).status_code == 201


def test_sign_in_when_a_stranger_guesses_elsewhere_then_only_a_new_browser_at_a_new_address_waits(
    ann: User,
) -> None:
    browser = Client()
    assert sign_in("ann", "pass", HOSPITAL, browser) == ""
    browser.post("/accounts/logout/")
    for number in range(40):
        sign_in("ann", "no", f"203.0.113.{number}")
    home = "192.0.2.5"
    assert sign_in("ann", "pass", home) == "too often"
    assert sign_in("ann", "pass", home, browser) == ""


def test_sign_in_when_a_colleague_guesses_beside_them_then_their_browser_is_not_delayed(
    ann: User, member: Callable[..., User]
) -> None:
    browser = Client()
    assert sign_in("ann", "pass", HOSPITAL, browser) == ""
    browser.post("/accounts/logout/")
    for _ in range(8):
        sign_in("ann", "no", HOSPITAL)
    assert sign_in("ann", "no", HOSPITAL) == "too often"
    assert sign_in("ann", "pass", HOSPITAL, browser) == ""
    # The attacker's own browser is known for the attacker's account, and for no other.
    member("reader", name="eve")
    eve = Client()
    assert sign_in("eve", "pass", HOSPITAL, eve) == ""
    eve.post("/accounts/logout/")
    assert sign_in("ann", "no", HOSPITAL, eve) == "too often"


def test_sign_in_when_one_address_tries_many_names_then_slow_but_not_for_who_is_known_there(
    ann: User, member: Callable[..., User]
) -> None:
    member("reader", name="new")
    assert sign_in("ann", "pass", HOSPITAL) == ""
    for number in range(60):
        assert sign_in(f"name{number}", "no", HOSPITAL) == "wrong"
    assert sign_in("another-name", "no", HOSPITAL) == "too often"
    assert sign_in("new", "pass", HOSPITAL) == "too often"
    assert sign_in("ann", "pass", HOSPITAL) == ""
    assert sign_in("new", "pass", "198.51.100.2") == ""


def test_sign_in_when_the_attacker_signs_in_in_between_then_the_count_does_not_start_anew(
    ann: User, member: Callable[..., User]
) -> None:
    for number in range(60):
        member("reader", name=f"own{number}")
        assert sign_in(f"own{number}", "pass", ATTACKER) == ""
        assert sign_in(f"victim{number}", "no", ATTACKER) == "wrong"
    assert sign_in("victim", "no", ATTACKER) == "too often"


def test_sign_in_when_the_header_is_forged_then_it_does_not_hide_the_caller(ann: User) -> None:
    for number in range(5):
        answer = Client().post(
            "/accounts/login/",
            {"login": "ann", "password": "no"},
            headers={"X-Forwarded-For": f"192.0.2.{number}, {ATTACKER}"},
        )
        assert answer.status_code == 200
    assert sign_in("ann", "no", ATTACKER) == "too often"


def test_token_when_one_guesses_then_the_same_counts_hold(ann: User) -> None:
    for attempt in range(3):
        assert ask_token("ann", "no", ATTACKER).status_code == 401, attempt
    for attempt in range(2):
        assert sign_in("ANN", "no", ATTACKER) == "wrong", attempt
    refused = ask_token("ann", "pass", ATTACKER)
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert refused.json()["code"] == "too_many_requests"
    assert "Try again in 1 second." in refused.json()["detail"]


def test_sign_in_when_a_name_is_unknown_then_it_is_delayed_like_a_known_one(ann: User) -> None:
    said = {
        name: [sign_in(name, "no", ATTACKER) for _ in range(6)] for name in ("ann", "nobody-here")
    }
    assert said["ann"] == said["nobody-here"] == ["wrong"] * 5 + ["too often"]


def test_sign_in_when_counts_are_stored_then_neither_name_nor_address_is(ann: User) -> None:
    sign_in("ann", "no", ATTACKER)
    stored = str(list(CacheEntry.objects.values_list("key", "value")))
    assert "sign-in:pair:" in stored
    assert "ann" not in stored
    assert ATTACKER not in stored
