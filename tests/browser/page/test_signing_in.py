"""Signing in with an authenticator app, a passkey and a sign-on provider, in Chromium."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.core.cache import cache
from playwright.sync_api import Browser, CDPSession, Page, expect

from annotation.models import Membership, User
from annotation.sign_on import read_providers
from tests.browser.conftest import VIEWPORT, ReadingRoom
from tests.support.second_factors import code_of

pytestmark = pytest.mark.browser
Member = Callable[..., User]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def page(reading_room: ReadingRoom, chromium: Browser, db: None) -> Iterator[Page]:
    """A browser in which nobody is signed in. It fails the test if the policy blocked something."""
    cache.clear()
    page = chromium.new_context(viewport=VIEWPORT, base_url=reading_room.server.url).new_page()
    blocked: list[str] = []
    page.on(
        "console",
        lambda said: blocked.append(said.text) if "Content Security Policy" in said.text else None,
    )
    yield page
    assert blocked == []


def sign_in(page: Page, reading_room: ReadingRoom, user: User) -> None:
    page.goto("/accounts/login/")
    reading_room.sign_in_by_form(page, user)


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def confirm(page: Page) -> None:
    page.get_by_label("Password of").fill("pass")
    page.get_by_role("button", name="Confirm").click()


def show_name(page: Page, user: User) -> None:
    expect(page.get_by_role("banner").get_by_role("link", name=user.username)).to_be_visible()


def test_app_when_set_up_then_password_and_code_sign_in(
    page: Page, reading_room: ReadingRoom, member: Member
) -> None:
    reader = member("reader")
    sign_in(page, reading_room, reader)
    page.goto("/account/")
    page.get_by_role("link", name="Second factor").click()
    page.get_by_role("link", name="Set up an app").click()
    confirm(page)
    width = page.get_by_alt_text("QR code").evaluate("picture => picture.naturalWidth")
    assert width > 0  # the policy let the picture through
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("list", name="Unused codes").get_by_role("listitem")).to_have_count(10)
    recovery = page.get_by_role("list", name="Unused codes").get_by_role("listitem").first
    code = recovery.inner_text()
    sign_out(page)

    page.get_by_label("Account name").fill(reader.username)
    page.get_by_label("Password").fill("pass")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code of your authenticator app").fill("123")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    page.get_by_label("Code of your authenticator app").fill(code_of(secret))
    page.get_by_role("button", name="Go on").click()
    show_name(page, reader)
    sign_out(page)

    page.get_by_label("Account name").fill(reader.username)
    page.get_by_label("Password").fill("pass")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("or a recovery code").fill(code)
    page.get_by_role("button", name="Go on").click()
    show_name(page, reader)


@pytest.fixture
def key(page: Page) -> tuple[CDPSession, str]:
    """A virtual device that holds passkeys and says yes."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def test_passkey_when_added_then_it_signs_in_alone_and_after_the_password(
    page: Page, reading_room: ReadingRoom, member: Member, key: tuple[CDPSession, str]
) -> None:
    session, device = key
    reader = member("reader")
    sign_in(page, reading_room, reader)
    page.goto("/accounts/2fa/webauthn/add/")
    confirm(page)
    page.get_by_label("Name of the passkey").fill("Laptop")
    page.get_by_role("button", name="Create passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("link", name="Remove passkey Laptop")).to_be_visible()
    sign_out(page)

    page.get_by_role("link", name="Use a passkey").click()  # the page asks at once
    show_name(page, reader)
    sign_out(page)

    page.get_by_label("Account name").fill(reader.username)
    page.get_by_label("Password").fill("pass")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    show_name(page, reader)

    page.goto("/accounts/2fa/")
    page.get_by_role("link", name="Remove passkey Laptop").click()
    confirm(page)
    page.get_by_role("button", name="Remove passkey").click()
    expect(page.get_by_role("link", name="Remove passkey Laptop")).to_have_count(0)
    assert not Authenticator.objects.exists()
    sign_out(page)
    # The device still holds it and answers, but the account no longer knows it.
    page.get_by_role("link", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    assert session.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]


def test_passkey_when_the_device_refuses_then_the_page_says_so(
    page: Page, reading_room: ReadingRoom, member: Member, key: tuple[CDPSession, str]
) -> None:
    session, device = key
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.goto("/accounts/2fa/webauthn/login/")
    expect(page.get_by_text("Nothing was confirmed")).to_be_visible()
    page.goto(reading_room.server.url.replace("localhost", "127.0.0.1") + "/accounts/login/")
    page.get_by_role("link", name="Use a passkey").click()
    expect(page.get_by_text("A passkey needs a host name")).to_be_visible()


@pytest.fixture
def issuer() -> Iterator[str]:
    """The address of a real OpenID Connect provider, which says yes to everybody."""
    server = ROOT / "frontend/node_modules/oauth2-mock-server/dist/oauth2-mock-server.mjs"
    node = Path(sys.executable).parent / "node"
    arguments = [str(node), str(server), "-a", "localhost", "-p", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"https?://localhost:\d+", line):
                yield found[0]
                break
        process.terminate()


def test_sign_on_then_the_provider_signs_in_and_its_claims_give_the_role(
    page: Page, reading_room: ReadingRoom, settings: LazySettings, issuer: str
) -> None:
    entry = {"id": "hospital", "name": "Hospital", "issuer": issuer, "registers": True}
    entry |= {"client_id": "roundtruth", "secret": "s"}
    grant = {"claim": "sub", "value": "johndoe", "project": "pilot", "role": "reader"}
    settings.SIGN_ON_PROVIDERS = read_providers(json.dumps([entry | {"roles": [grant]}]))
    page.goto("/p/pilot/")
    page.get_by_role("button", name="Sign in with Hospital").click()
    expect(page.get_by_role("link", name="Worklist")).to_be_visible()
    assert page.url.endswith("/p/pilot/")
    assert Membership.objects.get().role == "reader"
    page.goto("/account/")
    page.get_by_role("link", name="Sign-on").click()
    expect(page.get_by_role("cell", name="johndoe")).to_be_visible()


def test_required_second_factor_then_the_set_up_page_comes_first(
    page: Page, reading_room: ReadingRoom, settings: LazySettings, member: Member
) -> None:
    settings.SECOND_FACTOR_ROLES = frozenset({"curator"})
    curator = member("curator")
    sign_in(page, reading_room, curator)
    page.goto("/p/pilot/people/")
    expect(page.get_by_text("Your role needs a second factor")).to_be_visible()
    page.get_by_role("link", name="Set up an app").click()
    confirm(page)
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Switch on").click()
    page.get_by_role("link", name="I have kept them").click()
    page.goto("/p/pilot/people/")
    expect(page.get_by_role("heading", name="People")).to_be_visible()


def test_sessions_when_another_browser_is_ended_then_it_must_sign_in_again(
    page: Page, reading_room: ReadingRoom, chromium: Browser, member: Member
) -> None:
    reader = member("reader")
    other = chromium.new_context(base_url=reading_room.server.url).new_page()
    for browser in (other, page):
        sign_in(browser, reading_room, reader)
    page.goto("/account/")
    page.get_by_role("link", name="Sessions").click()
    page.get_by_role("button", name="End the session").click()
    expect(page.get_by_text("1 session ended")).to_be_visible()
    other.goto("/account/")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
