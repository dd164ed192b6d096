"""Reloads, killed tabs, a lost net and a lost session in Chromium: no stroke is gone."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from annotation.models import Annotation, Assignment, User
from tests.browser.conftest import ReadingRoom
from tests.browser.editor import Editor, read_annotation, read_draft
from tests.browser.profile import Profile

pytestmark = pytest.mark.browser


# Up to which column of the film the journal has the stroke under way.
KEPT_UP_TO = """() => new Promise((done) => {
    indexedDB.open("roundtruth").onsuccess = ({ target: { result: db } }) => {
        const deltas = db.transaction("deltas").objectStore("deltas").getAll();
        deltas.onsuccess = () => {
            db.close();
            const ended = deltas.result.findLastIndex((delta) => !delta.isRunning);
            done(Math.max(0, ...deltas.result.slice(ended + 1).map(({ rect }) => rect.x1)));
        };
    };
})"""


def test_reload_when_in_mid_drawing_then_nothing_is_lost(editor: Editor) -> None:
    editor.page.route("**/draft/**", lambda route: route.abort())
    editor.drag((80, 90), (140, 130))
    editor.drag((200, 200), (250, 250))
    editor.wait_kept(2)
    expect(editor.page.get_by_role("status", name="Saving")).to_have_text(
        re.compile(r"offline, 2 strokes kept here")
    )
    editor.drag((30, 300), (120, 330), release=False)
    drawn = editor.mask()
    editor.wait_until(
        lambda: editor.page.evaluate(KEPT_UP_TO) >= 140
    )  # its end: it is kept as it grows
    editor.page.unroute("**/draft/**")
    editor.page.reload()
    editor.wait_open()
    np.testing.assert_array_equal(editor.mask(), drawn)
    np.testing.assert_array_equal(read_draft(editor), drawn)


def test_tab_when_killed_then_another_tab_takes_its_strokes_over(
    editor: Editor, reading_room: ReadingRoom
) -> None:
    context = editor.page.context
    context.route("**/draft/**", lambda route: route.abort())
    editor.drag((80, 90), (140, 130))
    editor.wait_kept(1)
    drawn = editor.mask()
    editor.page.close(run_before_unload=False)
    context.unroute("**/draft/**")
    other = reading_room.open(context)
    other.wait_open()
    np.testing.assert_array_equal(other.mask(), drawn)
    np.testing.assert_array_equal(read_draft(other), drawn)


def test_offline_when_the_net_returns_then_the_work_is_sent(editor: Editor) -> None:
    context = editor.page.context
    context.set_offline(True)
    editor.drag((80, 90), (140, 130))
    status = editor.page.get_by_role("status", name="Saving")
    expect(status).to_have_text("offline, 1 stroke kept here")
    for row in range(11):
        editor.drag((30, 20 + 30 * row), (250, 30 + 30 * row))
    drawn = editor.mask()
    expect(status).to_have_text("offline, 12 strokes kept here")
    context.set_offline(False)
    expect(status).to_have_text(re.compile(r"saved \d+ s ago"))
    np.testing.assert_array_equal(read_draft(editor), drawn)


def test_storage_when_full_then_said_and_what_was_kept_stays_and_the_server_gets_the_rest(
    profile: Profile,
) -> None:
    editor = profile.start()
    editor.drag((80, 90), (140, 130))
    editor.drag((30, 20), (250, 30))
    editor.wait_kept(2)
    kept = editor.mask()
    profile.close()
    # Chromium asks for the quota when it opens a database first, and not again while it is used.
    editor = profile.start(quota=1)
    page = editor.page
    np.testing.assert_array_equal(editor.mask(), kept)
    editor.drag((200, 200), (250, 250))
    status = page.get_by_role("status", name="Saving")
    expect(status).to_have_text("offline, 2 of 3 strokes kept here")
    expect(page.get_by_role("alert")).to_contain_text(
        "This browser's storage is full, so new strokes are not kept here. "
        "Saving to the server goes on."
    )
    page.reload()
    editor.wait_open()
    np.testing.assert_array_equal(editor.mask(), kept)
    editor.drag((200, 200), (250, 250))
    drawn = editor.mask()
    page.context.unroute_all()
    expect(status).to_have_text(re.compile(r"saved \d+ s ago"))
    np.testing.assert_array_equal(read_draft(editor), drawn)


UPGRADED = """() => new Promise((done) => {
    indexedDB.open("roundtruth", 99).onsuccess = ({ target: { result: db } }) => {
        db.close();
        done(true);
    };
})"""
STROKES_KEPT = """() => new Promise((done) => {
    indexedDB.open("roundtruth").onsuccess = ({ target: { result: db } }) => {
        const heads = db.transaction("heads").objectStore("heads").getAll();
        heads.onsuccess = () => {
            db.close();
            done(heads.result.map(({ stroke }) => stroke));
        };
    };
})"""


def test_server_when_put_back_to_a_former_release_then_said_and_the_strokes_stay(
    editor: Editor,
) -> None:
    page = editor.page
    page.route("**/draft/**", lambda route: route.abort())
    editor.drag((80, 90), (140, 130))
    editor.wait_kept(1)
    assert page.evaluate(UPGRADED)
    page.reload()
    expect(page.get_by_role("alert")).to_have_text(
        "The reading room could not start: a newer version has kept strokes in this browser, "
        "and this version cannot read them. They stay here until the newer version is installed "
        "again. Please tell the administrator of this server. Until then, read in another browser."
    )
    assert page.evaluate(STROKES_KEPT) == [1]


def test_session_when_deleted_then_signing_in_again_goes_on_with_nothing_lost(
    editor: Editor, reader: User
) -> None:
    page = editor.page
    editor.drag((80, 90), (140, 130))
    editor.wait_saved()
    page.route("**/draft/**", lambda route: route.abort())
    editor.drag((30, 20), (250, 30))
    editor.wait_kept(2)  # the dialog counts what is kept when it comes up
    Session.objects.all().delete()
    page.unroute("**/draft/**")
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog).to_contain_text("with 1 stroke kept here")
    expect(dialog.get_by_label("Account name")).to_have_value(reader.username)
    dialog.get_by_role("button", name="Not now").click()
    editor.drag((200, 200), (250, 250))
    drawn = editor.mask()
    expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    expect(page.get_by_role("status", name="Saving")).to_have_text(
        "signed out, 2 strokes kept here"
    )
    page.wait_for_timeout(2500)  # saving is tried again meanwhile, which could ask once more
    expect(dialog).to_be_hidden()
    editor.button("Sign in").click()
    dialog.get_by_label("Password").fill("wrong")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_have_text("This password is wrong.")
    dialog.get_by_label("Password").fill("pass")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("status", name="Saving")).to_have_text(re.compile(r"saved \d+ s ago"))
    expect(page.get_by_role("alert")).to_be_hidden()
    np.testing.assert_array_equal(read_draft(editor), drawn)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert 0 < editor.mask().sum() < drawn.sum()


@pytest.mark.parametrize("end", ["Space", "Sign in"])
def test_session_when_the_cross_holds_a_stroke_then_the_question_waits_and_says_so(
    editor: Editor, end: str
) -> None:
    page = editor.page
    dialog = page.get_by_role("dialog", name="Sign in again")
    page.wait_for_load_state("networkidle")  # a film loaded later would ask at once
    waiting = editor.hold_first("**/draft/**")
    editor.drag((80, 90), (140, 130))
    editor.wait_until(lambda: waiting)
    Session.objects.all().delete()
    page.keyboard.press(".")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    waiting[0].continue_()
    expect(page.get_by_role("alert")).to_contain_text("A question is waiting. Press Space")
    expect(dialog).to_be_hidden()
    if end == "Space":
        page.keyboard.press("Space")
    else:
        editor.button("Sign in").click()
    expect(dialog).to_be_visible()
    dialog.get_by_label("Password").fill("pass")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    assert read_draft(editor)[editor.mask()].all()


def test_note_and_flag_when_made_while_the_server_is_away_then_they_are_kept_and_sent_later(
    editor: Editor,
) -> None:
    page = editor.page
    row = Assignment.objects.get(id=editor.state()["current"]["assignment"])
    status = page.get_by_role("status", name="Saving")
    away = re.compile(rf"/assignments/{row.id}/$")
    page.route(away, lambda route: route.abort())
    page.keyboard.press("g")
    editor.button("Note").click()
    page.get_by_role("textbox", name="Note").fill("lead over the left base")
    editor.button("Keep note").click()
    expect(status).to_contain_text("note or flag kept here")
    page.reload()
    editor.wait_open()
    assert (editor.state()["note"], editor.state()["isFlagged"]) == (
        "lead over the left base",
        True,
    )
    expect(status).to_contain_text("note or flag kept here")
    row.refresh_from_db()
    assert (row.note, row.is_flagged) == ("", False)
    page.unroute(away)
    expect(status).not_to_contain_text("kept here", timeout=20_000)
    row.refresh_from_db()
    assert (row.note, row.is_flagged) == ("lead over the left base", True)


def test_session_when_cookies_are_gone_then_accept_asks_and_goes_through_after_signing_in(
    editor: Editor,
) -> None:
    page = editor.page
    case = editor.state()["current"]
    editor.drag((80, 90), (140, 130))
    editor.wait_saved()
    drawn = editor.mask()
    page.context.clear_cookies()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Sign in again")
    dialog.get_by_label("Password").fill("pass")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Enter")
    editor.wait_submitted(case["assignment"])
    np.testing.assert_array_equal(read_annotation(case["assignment"])[1], drawn)


def test_account_when_another_reader_signs_in_beside_then_nothing_is_done_in_their_name(
    editor: Editor, reading_room: ReadingRoom, reader: User, member: Callable[..., User]
) -> None:
    other, page = member("reader", name="somebody-else"), editor.page
    case = editor.state()["current"]["assignment"]
    editor.drag((80, 90), (140, 130))
    editor.wait_saved()
    page.context.clear_cookies()
    beside = page.context.new_page()
    beside.goto(f"{reading_room.server.url}/accounts/login/")
    reading_room.sign_in_by_form(beside, other)
    page.bring_to_front()
    editor.drag((30, 20), (250, 30))
    drawn = editor.mask()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else is signed in")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1000)  # the decision could go through in the other's name
    assert editor.state()["current"]["assignment"] == case
    assert not Assignment.objects.filter(reader=other).exists()
    assert not Annotation.objects.exists()
    page.context.clear_cookies()
    editor.drag((200, 200), (250, 250))
    dialog = page.get_by_role("dialog", name="Sign in again")
    dialog.get_by_label("Password").fill("pass")
    dialog.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("status", name="Saving")).to_have_text(re.compile(r"saved \d+ s ago"))
    saved = read_draft(editor)
    np.testing.assert_array_equal(saved, editor.mask())
    assert (saved & drawn == drawn).all()
