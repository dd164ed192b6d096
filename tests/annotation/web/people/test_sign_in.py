"""What a new password ends, and where demo accounts are refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from annotation.config.log_filter import HideKeysOfLinks
from annotation.models import ApiToken, AuditEvent, Project, User
from annotation.services.tokens import create_token
from tests.support.calls import signed_in

pytestmark = pytest.mark.django_db
NEW = "a-new-password-1"


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def may_use_token(text: str) -> bool:
    return Client().get("/api/v1/projects/", headers=bearer(text)).status_code == 200


def test_password_when_changed_then_other_sessions_and_all_tokens_end(
    project: Project, member: Callable[..., User]
) -> None:
    ann = member("reader", name="ann")
    _, text = create_token(user=ann, name="x", scope="read", days=1)
    here, elsewhere = signed_in(ann), signed_in(ann)
    form = {"oldpassword": "pass", "password1": NEW, "password2": NEW}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert here.get("/p/pilot/").status_code == 200
    assert elsewhere.get("/p/pilot/").status_code == 302
    assert not may_use_token(text)
    assert "Revoke token" not in here.get("/account/").content.decode()
    assert AuditEvent.objects.filter(verb="change_password", actor=ann).count() == 1
    ann.refresh_from_db()
    _, fresh = create_token(user=ann, name="y", scope="read", days=1)
    assert may_use_token(fresh)
    ann.set_password("set by a command")  # `manage.py changepassword` does the same
    ann.save()
    assert not may_use_token(fresh)


@pytest.fixture
def demo(project: Project, member: Callable[..., User]) -> User:
    """A demo account whose owner has changed its address."""
    user = member("reader", name="reader")
    user.is_demo, user.email = True, "real@person.example"
    user.save()
    return user


def test_demo_account_when_the_server_is_public_then_refused_everywhere(
    demo: User, settings: LazySettings
) -> None:
    _, text = create_token(user=demo, name="x", scope="read", days=1)
    session = signed_in(demo)
    assert session.get("/p/pilot/").status_code == 200
    assert may_use_token(text)
    settings.IS_PUBLIC = True
    assert session.get("/p/pilot/").status_code == 302
    assert not may_use_token(text)
    asked = {"username": "reader", "password": "pass"}
    answer = Client().post("/api/v1/auth/token/", json.dumps(asked), "application/json")
    assert answer.status_code == 401
    client = Client()
    client.post("/accounts/login/", {"login": "reader", "password": "pass"})
    assert client.get("/p/pilot/").status_code == 302
    assert ApiToken.objects.count() == 1


def test_demo_address_when_the_account_is_real_then_it_may_sign_in(
    member: Callable[..., User], settings: LazySettings
) -> None:
    settings.IS_PUBLIC = True
    real = member("reader", name="ann")
    real.email = "ann@demo.invalid"
    real.save()
    client = Client()
    client.post("/accounts/login/", {"login": "ann", "password": "pass"})
    assert client.get("/p/pilot/").status_code == 200


@pytest.mark.parametrize("path", ["password/reset/key", "confirm-email"])
def test_log_when_a_link_with_a_key_is_refused_then_its_key_is_not_written(path: str) -> None:
    records: list[str] = []
    cache.clear()

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(self.format(record))

    handler = Keep()
    handler.addFilter(HideKeysOfLinks())
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        client = Client()
        for _ in range(22):  # the twenty-first within a minute comes too often
            client.post(f"/accounts/{path}/3k-secretkey/")
        client.post(f"/accounts/{path}/3k-secretkey/no-such-page")
    finally:
        logger.removeHandler(handler)
    assert records
    assert any(f"/accounts/{path}/..." in line for line in records)
    assert "secretkey" not in "".join(records)


def test_log_settings_when_a_console_handler_writes_then_it_hides_keys() -> None:
    from annotation.config.settings import LOGGING

    assert LOGGING["handlers"]["console"]["filters"] == ["keys"]
    assert "HideKeysOfLinks" in LOGGING["filters"]["keys"]["()"]
