"""Everybody may read the health; metrics need a local caller or the token."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from annotation.models import Project
from tests.support import factories


@pytest.mark.django_db
def test_healthz_when_well_then_ok_in_one_query(django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "failing": []})


@pytest.mark.django_db
def test_healthz_when_bytes_cannot_be_stored_then_503(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.DATA_ROOT = tmp_path / "file"
    settings.DATA_ROOT.write_text("in the way")
    response = Client().get("/healthz")
    assert (response.status_code, response.json()["failing"]) == (503, ["storage"])


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """Let the system refuse longer files: the same end of a write as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.django_db
def test_healthz_when_the_disk_cannot_take_a_save_then_503_until_it_can() -> None:
    with files_of_at_most(512 * 1024):
        response = Client().get("/healthz")
    assert (response.status_code, response.json()["failing"]) == (503, ["storage"])
    assert Client().get("/healthz").status_code == 200


@pytest.mark.django_db
def test_healthz_when_asked_often_then_nothing_is_left_on_the_disk(data_root: Path) -> None:
    for _ in range(3):
        Client().get("/healthz")
    assert [path for path in data_root.rglob("*") if path.is_file()] == []


def test_metrics_when_from_this_machine_then_counts_without_names(project: Project) -> None:
    factories.make_reference(factories.make_image(project))
    text = Client().get("/metrics").content.decode()
    assert 'roundtruth_rows{kind="annotation",verdict="redrawn"} 1' in text
    assert "secret" not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "caller",
    [
        {"REMOTE_ADDR": "10.1.2.3"},
        {"REMOTE_ADDR": "nonsense"},
        {"HTTP_X_FORWARDED_FOR": "10.1.2.3"},
        {"REMOTE_ADDR": "10.1.2.3", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
    ],
)
def test_metrics_when_from_elsewhere_then_404(caller: dict[str, str]) -> None:
    assert Client().get("/metrics", **caller).status_code == 404


@pytest.mark.django_db
def test_metrics_when_public_then_only_the_token_opens_it(settings: LazySettings) -> None:
    settings.IS_PUBLIC = True
    assert Client().get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "open sesame"
    assert Client().get("/metrics").status_code == 404
    for given, status in (("open sesame", 200), ("open", 404)):
        caller = {"HTTP_AUTHORIZATION": f"Bearer {given}", "REMOTE_ADDR": "10.1.2.3"}
        assert Client().get("/metrics", **caller).status_code == status
