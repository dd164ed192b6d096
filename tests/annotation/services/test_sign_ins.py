"""Sign-ins are recorded, and an attacker cannot fill the audit with failed ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from annotation.models import AuditEvent, User
from annotation.services.sign_ins import record_failed_sign_in


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


def rows(verb: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(project=None, verb=verb).order_by("sequence"))


def test_sign_in_and_out_on_the_pages_then_both_are_recorded(member: Callable[..., User]) -> None:
    ann = member(name="ann")
    client = Client()
    client.post("/accounts/login/", {"login": "ann", "password": "pass"})
    client.post("/accounts/logout/")
    assert [(row.actor, row.target) for row in rows("sign_in")] == [(ann, str(ann.id))]
    assert [row.actor for row in rows("sign_out")] == [ann]


def test_wrong_password_on_the_page_and_at_the_api_then_recorded_without_what_was_typed(
    member: Callable[..., User],
) -> None:
    ann, body = member(name="ann"), {"username": "my-password", "password": "x"}
    Client().post("/accounts/login/", {"login": "ann", "password": "hunter2"})
    Client().post("/api/v1/auth/token/", body, "application/json")
    found = rows("sign_in_failed")
    assert [(row.actor, row.target) for row in found] == [(None, str(ann.id)), (None, "")]
    assert found[0].facts == {"failures": 1, "minutes": 15}


def test_failed_sign_ins_when_thousands_are_tried_then_a_handful_of_rows(
    member: Callable[..., User],
) -> None:
    member(name="ann")
    for number in range(1200):
        record_failed_sign_in(username="ann" if number % 2 else f"guess-{number}")
    assert sorted(row.facts["failures"] for row in rows("sign_in_failed")) == [
        1,
        1,
        10,
        10,
        100,
        100,
    ]


def test_failed_sign_ins_when_the_count_is_lost_then_the_rows_still_limit_them(
    member: Callable[..., User],
) -> None:
    member(name="ann")
    for _ in range(50):
        cache.clear()
        record_failed_sign_in(username="ann")
    assert len(rows("sign_in_failed")) == 1
