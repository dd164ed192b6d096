"""Which machines and which Host headers the web process answers."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import Client


@pytest.fixture
def public(settings: LazySettings) -> None:
    settings.IS_PUBLIC = settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["reading.example.org"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "evil.example.org"])
def test_host_when_public_and_not_its_name_then_400(public: None, host: str) -> None:
    headers = {"host": host, "x-forwarded-proto": "https"}
    assert Client().get("/accounts/login/", headers=headers).status_code == 400


@pytest.mark.django_db
def test_http_when_public_then_sent_to_https(public: None) -> None:
    host = {"host": "reading.example.org"}
    asked = Client().get("/accounts/login/?next=/p/x/", headers=host)
    assert (asked.status_code, asked["Location"]) == (
        301,
        "https://reading.example.org/accounts/login/?next=/p/x/",
    )
    over_tls = Client().get("/accounts/login/", headers=host | {"x-forwarded-proto": "https"})
    assert over_tls.status_code == 200


@pytest.mark.django_db
def test_healthz_when_public_then_the_container_check_still_works(public: None) -> None:
    """The check in docker/Dockerfile asks http://127.0.0.1:8000/healthz."""
    answer = Client().get("/healthz", headers={"host": "127.0.0.1:8000"})
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/projects/", "/admin/"])
def test_other_machine_when_not_public_then_403_although_it_says_localhost(path: str) -> None:
    asked = Client(REMOTE_ADDR="192.168.1.7").get(path, headers={"host": "localhost"})
    assert asked.status_code == 403
    assert "ROUNDTRUTH_HOSTS" in asked.content.decode()
    here = Client(REMOTE_ADDR="::ffff:127.0.0.1").get(path, headers={"host": "localhost"})
    assert here.status_code != 403
