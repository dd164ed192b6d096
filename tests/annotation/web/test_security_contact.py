"""Who finds a weakness of a server learns where to report it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone

from annotation.config.public_server import parse_contact

URL = "/.well-known/security.txt"


@pytest.mark.django_db
def test_security_txt_when_a_contact_is_set_then_it_says_where_to_report(
    settings: LazySettings,
) -> None:
    settings.SECURITY_CONTACT = "mailto:security@example.org"
    answer = Client().get(URL)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
    assert fields["Contact"] == "mailto:security@example.org"
    left = datetime.fromisoformat(fields["Expires"]) - timezone.now()
    assert timedelta(days=30) < left < timedelta(days=365)  # RFC 9116, 2.5.5
    assert fields["Canonical"].endswith(URL)


@pytest.mark.django_db
def test_security_txt_when_no_contact_is_set_then_404(settings: LazySettings) -> None:
    settings.SECURITY_CONTACT = ""
    assert Client().get(URL).status_code == 404


@pytest.mark.parametrize("text", ["a@example.org", "http://x", "mailto:a b", "mailto:a\nb", "x"])
def test_contact_when_it_is_no_address_of_the_standard_then_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="ROUNDTRUTH_SECURITY_CONTACT"):
        parse_contact(text)
    assert parse_contact("https://example.org/report") == "https://example.org/report"
