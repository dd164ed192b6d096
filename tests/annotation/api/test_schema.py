"""The OpenAPI document is valid and complete; the editor's types are generated from it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client


def schema() -> str:
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    return out.getvalue()


def test_schema_then_valid_without_warnings() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")


def test_schema_when_the_api_changed_then_the_exported_file_must_too() -> None:
    path = Path(settings.BASE_DIR) / "frontend" / "schema.json"
    assert path.read_text().strip() == schema().strip(), "run: make schema"


def test_schema_then_every_operation_names_its_problems() -> None:
    for path, verbs in json.loads(schema())["paths"].items():
        for verb, operation in verbs.items():
            if path.endswith("/schema/"):
                continue
            assert "404" in operation["responses"], (path, verb)


@pytest.mark.django_db
def test_docs_then_no_inline_script_or_style() -> None:
    page = Client().get("/api/v1/docs/")
    assert page.status_code == 200
    assert "<script>" not in page.content.decode()
    assert "<style" not in page.content.decode()
    assert "unsafe" not in page["Content-Security-Policy"]
    script = Client().get("/api/v1/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/v1/schema/" in script.content.decode()
