"""Signing in by the form in Chromium; the other tests begin with a session."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from annotation.models import User
from tests.browser.conftest import ReadingRoom

pytestmark = pytest.mark.browser


def test_reading_room_when_signed_out_then_the_form_comes_first_and_leads_to_the_case(
    open_reads: None, reading_room: ReadingRoom, chromium: Browser, reader: User
) -> None:
    editor = reading_room.open(chromium.new_context())
    expect(editor.page.get_by_role("heading", name="Sign in")).to_be_visible()
    reading_room.sign_in_by_form(editor.page, reader)
    assert editor.wait_open()["assignment"]
