"""The operator names each download that a plan may cause, with the hash that it must have."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

import annotation.config

SETTINGS = str(Path(annotation.config.__file__).with_name("settings.py"))


def downloads(monkeypatch: pytest.MonkeyPatch, text: str) -> dict[str, str]:
    monkeypatch.setenv("ROUNDTRUTH_DOWNLOADS", text)
    read: dict[str, str] = runpy.run_path(SETTINGS)["DOWNLOADS"]
    return read


def test_downloads_are_off_unless_each_has_an_encoder_and_a_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert downloads(monkeypatch, "") == {}
    one, two = "1" * 64, "ab" * 32
    assert downloads(monkeypatch, f"densenet121={one}, tu-resnet10t={two},") == {
        "densenet121": one,
        "tu-resnet10t": two,
    }


@pytest.mark.parametrize("text", ["1", "densenet121", "densenet121=", "densenet121=abc", "*"])
def test_downloads_without_a_hash_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match="ENCODER=SHA256"):
        downloads(monkeypatch, text)
