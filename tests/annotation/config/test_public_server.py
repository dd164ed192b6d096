"""A server with unsafe settings does not start, and says what to set."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

import annotation.config

SETTINGS = Path(annotation.config.__file__).with_name("settings.py")
KEY = "k0" * 20 + "0123456789"
PUBLIC = {"ROUNDTRUTH_HOSTS": "reading.example.org", "ROUNDTRUTH_SECRET_KEY": KEY}
NAMES = (
    "ROUNDTRUTH_HOSTS",
    "ROUNDTRUTH_SECRET_KEY",
    "ROUNDTRUTH_BIND",
    "ROUNDTRUTH_DEBUG",
    "ROUNDTRUTH_TEST_HANDLE",
    "ROUNDTRUTH_PROXIES",
    "ROUNDTRUTH_CACHE_URL",
    "ROUNDTRUTH_IDLE_MINUTES",
)


@pytest.fixture
def settings_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return a function that reads settings.py with only the given variables."""

    def read(**variables: str) -> dict:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("ROUNDTRUTH_VAR", str(tmp_path))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))

    return read


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ROUNDTRUTH_HOSTS": "*"}, "accepts any name"),
        ({"ROUNDTRUTH_HOSTS": "a.example.org,*.example.org"}, "accepts any name"),
        ({"ROUNDTRUTH_HOSTS": ".example.org"}, "accepts any name"),
        ({"ROUNDTRUTH_HOSTS": "localhost"}, "a name of this machine"),
        ({"ROUNDTRUTH_HOSTS": "a.example.org, 127.0.0.1"}, "a name of this machine"),
        ({"ROUNDTRUTH_HOSTS": "[::1]"}, "a name of this machine"),
        ({"ROUNDTRUTH_HOSTS": "0.0.0.0"}, "a name of this machine"),
        ({"ROUNDTRUTH_HOSTS": "https://a.example.org"}, "without https://"),
        ({"ROUNDTRUTH_HOSTS": "a.example.org:443"}, "without https://"),
        ({"ROUNDTRUTH_HOSTS": "a.example.org"}, "ROUNDTRUTH_SECRET_KEY must be set"),
        (PUBLIC | {"ROUNDTRUTH_SECRET_KEY": KEY[:49]}, "needs 50 random characters"),
        (PUBLIC | {"ROUNDTRUTH_SECRET_KEY": "a" * 60}, "needs 50 random characters"),
        ({"ROUNDTRUTH_SECRET_KEY": "short"}, "needs 50 random characters"),
        (PUBLIC | {"ROUNDTRUTH_DEBUG": "1"}, "ROUNDTRUTH_DEBUG cannot be used"),
        (PUBLIC | {"ROUNDTRUTH_TEST_HANDLE": "1"}, "ROUNDTRUTH_TEST_HANDLE cannot be used"),
        ({"ROUNDTRUTH_PROXIES": "-1"}, "from 0 to 9"),
        ({"ROUNDTRUTH_PROXIES": "²"}, "from 0 to 9"),
        *(
            ({"ROUNDTRUTH_IDLE_MINUTES": text}, "minutes without activity")
            for text in ("x", "-5", "nan", "inf", "1e9", "٣")
        ),
        ({"ROUNDTRUTH_BIND": "0.0.0.0:8000"}, "Set ROUNDTRUTH_HOSTS"),
        ({"ROUNDTRUTH_BIND": ":8000"}, "Set ROUNDTRUTH_HOSTS"),
        ({"ROUNDTRUTH_BIND": "[::]:8000"}, "Set ROUNDTRUTH_HOSTS"),
        ({"ROUNDTRUTH_BIND": "192.168.1.5:8000"}, "Set ROUNDTRUTH_HOSTS"),
        ({"ROUNDTRUTH_BIND": "127.0.0.1:8000,0.0.0.0:80"}, "Set ROUNDTRUTH_HOSTS"),
    ],
)
def test_settings_when_unsafe_then_refused_with_the_remedy(
    settings_with, variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=sentence):
        settings_with(**variables)


@pytest.mark.parametrize(
    "bind", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "unix:/run/web.sock", "127.0.0.1"]
)
def test_settings_when_only_loopback_can_reach_it_then_no_host_is_needed(
    settings_with, bind: str
) -> None:
    values = settings_with(ROUNDTRUTH_BIND=bind)
    assert values["ALLOWED_HOSTS"] == ["127.0.0.1", "localhost", "[::1]"]
    assert values["SECURE_SSL_REDIRECT"] is False
    assert len(values["SECRET_KEY"]) >= 50


def test_settings_when_public_then_only_its_names_and_https(settings_with) -> None:
    values = settings_with(**PUBLIC, ROUNDTRUTH_BIND="0.0.0.0:8000")
    assert values["ALLOWED_HOSTS"] == ["reading.example.org"]
    assert values["SECURE_SSL_REDIRECT"] is True
    assert values["SESSION_COOKIE_SECURE"] is True
    assert values["PROXIES"] == 1


def test_settings_when_nothing_is_set_then_no_proxy_is_believed_and_no_pickle_is_read(
    settings_with,
) -> None:
    values = settings_with()
    assert values["PROXIES"] == 0
    assert values["CACHES"]["default"]["BACKEND"].endswith("TableCache")
    redis = settings_with(ROUNDTRUTH_CACHE_URL="redis://h/1", ROUNDTRUTH_PROXIES="2")
    assert redis["PROXIES"] == 2
    assert redis["CACHES"]["default"]["OPTIONS"]["serializer"].endswith("JsonSerializer")


def test_settings_then_a_session_ends_without_activity_by_default_on_a_public_server(
    settings_with,
) -> None:
    found = [
        settings_with(**variables)["IDLE_TIMEOUT"].total_seconds()
        for variables in (
            {},
            PUBLIC,
            {**PUBLIC, "ROUNDTRUTH_IDLE_MINUTES": "0"},
            {"ROUNDTRUTH_IDLE_MINUTES": "7.5"},
        )
    ]
    assert found == [0, 1800, 0, 450]


def test_settings_when_the_stored_key_was_cut_off_then_refused(
    settings_with, tmp_path: Path
) -> None:
    """A process that is killed right after it created the file leaves the file empty."""
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(ImproperlyConfigured, match="secret_key is too weak"):
        settings_with()
