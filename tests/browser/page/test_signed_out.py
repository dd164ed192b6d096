"""After signing out, the browser's folder holds nothing of the case that was read."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from annotation import storage
from annotation.models import Image, User
from tests.browser.conftest import ReadingRoom
from tests.browser.profile import Launching

pytestmark = pytest.mark.browser
HEADS = """() => new Promise((done) => {
    const request = indexedDB.open("roundtruth");
    request.onsuccess = () => {
        const all = request.result.transaction("heads").objectStore("heads").getAll();
        all.onsuccess = () => { request.result.close(); done(all.result.length); };
    };
})"""


def sign_out(page: Page, server: str) -> None:
    page.goto(server)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signed_out_browser_has_no_film_and_no_saved_stroke(
    open_reads: None, reading_room: ReadingRoom, reader: User, launch_in: Launching, tmp_path: Path
) -> None:
    folder = tmp_path / "browser"
    context = launch_in(folder)
    editor = reading_room.open(context)
    reading_room.sign_in_by_form(editor.page, reader)
    editor.wait_open()
    editor.wait_ahead()
    editor.drag((60, 60), (90, 90))
    editor.wait_saved()
    assert editor.page.evaluate(HEADS) == 1
    sign_out(editor.page, reading_room.server.url)
    editor.wait_until(lambda: editor.page.evaluate(HEADS) == 0)
    context.close()
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert reading_room.server.url.encode() in kept  # the folder is the one that was used
    for image in Image.objects.all():
        for key in (image.pixels_key, image.preview_key):
            film = storage.read(key)
            middle = len(film) // 2
            assert film[middle : middle + 64] not in kept
            assert film[100:164] not in kept
