"""Everybody may read the health; metrics need a local caller or the token."""

from __future__ import annotations

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
