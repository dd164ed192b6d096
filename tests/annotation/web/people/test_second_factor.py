"""Second factors: signing in with one, and the people who must have one."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client, RequestFactory

from annotation.models import AuditEvent, Project, User
from annotation.services.tokens import create_token
from annotation.web.people.sign_in import ClosedAccountAdapter
from tests.support.second_factors import code_of, give_app

Member = Callable[..., User]
Commits = Callable[..., AbstractContextManager[object]]


@pytest.fixture(autouse=True)
def no_limits(db: None, settings: LazySettings) -> None:
    cache.clear()  # a code counts once, and attempts are counted


def sign_in(name: str) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": name, "password": "pass"})
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def confirm(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": "pass"})


def test_password_when_an_app_is_set_up_then_only_its_code_signs_in(member: Member) -> None:
    secret = give_app(member("reader"))
    client = sign_in("reader")
    assert not is_signed_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert not is_signed_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert is_signed_in(client)


def test_code_when_used_before_then_refused(member: Member) -> None:
    secret = give_app(member("reader"))
    code = code_of(secret)
    sign_in("reader").post("/accounts/2fa/authenticate/", {"code": code})
    second = sign_in("reader")
    second.post("/accounts/2fa/authenticate/", {"code": code})
    assert not is_signed_in(second)


def test_code_when_it_is_of_the_period_before_then_right_but_still_once(member: Member) -> None:
    with time_machine.travel("2026-11-30 09:00:25", tick=False) as clock:
        secret = give_app(member("reader"))
        code = code_of(secret)
        for seconds, expected in ((10, True), (20, False), (30, False)):
            clock.shift(seconds)
            client = sign_in("reader")
            client.post("/accounts/2fa/authenticate/", {"code": code})
            assert is_signed_in(client) is expected


def test_code_when_somebody_at_the_same_address_typed_many_wrong_ones_then_it_signs_in(
    member: Member,
) -> None:
    secrets = {name: give_app(member("reader", name=name)) for name in ("ann", "bob")}
    ann, bob = sign_in("ann"), sign_in("bob")
    for number in range(11):
        ann.post("/accounts/2fa/authenticate/", {"code": f"00000{number}"})
    for client, name in ((ann, "ann"), (bob, "bob")):
        client.post("/accounts/2fa/authenticate/", {"code": code_of(secrets[name])})
    assert not is_signed_in(ann)  # her own wrong codes stop her
    assert is_signed_in(bob)


def test_recovery_code_then_it_signs_in_once(member: Member) -> None:
    reader = member("reader")
    give_app(reader)
    code = RecoveryCodes.activate(reader).get_unused_codes()[0]
    for expected in (True, False):
        client = sign_in("reader")
        client.post("/accounts/2fa/authenticate/", {"code": code})
        assert is_signed_in(client) is expected


def test_app_when_set_up_on_its_page_then_recovery_codes_are_shown(member: Member) -> None:
    reader = member("reader")
    client = sign_in("reader")
    assert client.get("/accounts/2fa/totp/activate/").status_code == 302  # confirm first
    confirm(client)
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    done = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)}, follow=True)
    for code in RecoveryCodes.activate(reader).get_unused_codes():
        assert code in done.content.decode()


def test_second_factor_when_set_up_and_removed_then_both_are_in_the_audit(
    member: Member,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]],
) -> None:
    reader = member("reader")
    client = sign_in("reader")
    confirm(client)
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/2fa/recovery-codes/generate/")
    client.post("/accounts/2fa/totp/deactivate/")
    rows = AuditEvent.objects.filter(actor=reader, verb__contains="_factor")
    assert list(rows.order_by("created_at").values_list("verb", flat=True)) == [
        "add_second_factor",
        "remove_second_factor",
    ]
    assert AuditEvent.objects.filter(actor=reader, verb="make_recovery_codes").count() == 1
    assert not Authenticator.objects.exists()


def test_passkey_when_the_account_is_a_demonstration_on_a_public_server_then_refused(
    member: Member, settings: LazySettings, rf: RequestFactory
) -> None:
    demo = member("reader")
    demo.is_demo = True
    settings.IS_PUBLIC = True
    ways = {"email_verification": "none", "signal_kwargs": None, "email": None}
    refusal = ClosedAccountAdapter().pre_login(
        rf.get("/"), demo, **ways, signup=False, redirect_url=None
    )
    assert refusal is not None
    assert refusal["Location"] == "/accounts/inactive/"


def test_secrets_then_encrypted_in_the_database(member: Member) -> None:
    secret = give_app(member("reader"))
    stored = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    assert code_of(secret) not in stored


def test_code_when_the_server_has_another_key_then_no_code_fits(
    member: Member, settings: LazySettings
) -> None:
    secret = give_app(member("reader"))
    settings.SECRET_KEY = "another-key-" * 5
    client = sign_in("reader")
    page = client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert page.status_code == 200
    assert not is_signed_in(client)


ROLES = ("reader", "adjudicator", "curator", "engineer", "viewer")
MUST = {"curator", "engineer", "staff"}


@pytest.mark.parametrize("who", [*ROLES, "staff", "outsider"])
@pytest.mark.parametrize("has_app", [False, True])
def test_required_second_factor_then_each_role_as_the_setting_says(
    member: Member, project: Project, settings: LazySettings, who: str, has_app: bool
) -> None:
    settings.SECOND_FACTOR_ROLES = frozenset(MUST)
    user = member(*([who] if who in ROLES else []), name=who)
    User.objects.filter(pk=user.pk).update(is_staff=who == "staff")
    client = sign_in(who)
    if has_app:
        client.post("/accounts/2fa/authenticate/", {"code": code_of(give_app(user))})
    leads_to_set_up = who in MUST and not has_app
    for page in ("/", "/account/", f"/p/{project.slug}/", "/accounts/sessions/", "/admin/"):
        answer = client.get(page)
        is_led = answer.status_code == 302 and answer["Location"] == "/accounts/2fa/"
        assert is_led is leads_to_set_up, page
    answer = client.get("/api/v1/projects/")
    assert answer.status_code == (403 if leads_to_set_up else 200)
    assert leads_to_set_up is (answer.json().get("code") == "second_factor_required")


def test_required_second_factor_when_set_up_then_the_pages_open(
    member: Member, settings: LazySettings
) -> None:
    settings.SECOND_FACTOR_ROLES = frozenset({"curator"})
    member("curator")
    client = sign_in("curator")
    assert "Your role needs a second factor" in client.get("/", follow=True).content.decode()
    confirm(client)
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert is_signed_in(client)


def test_required_second_factor_when_a_page_asks_by_htmx_then_the_whole_page_is_led(
    member: Member, settings: LazySettings
) -> None:
    settings.SECOND_FACTOR_ROLES = frozenset({"curator"})
    member("curator")
    answer = sign_in("curator").get("/", headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == "/accounts/2fa/"


@pytest.mark.parametrize("has_app", [False, True])
def test_token_by_password_when_a_second_factor_exists_or_must_then_refused(
    member: Member, settings: LazySettings, has_app: bool
) -> None:
    curator = member("curator")
    if has_app:
        give_app(curator)
    else:
        settings.SECOND_FACTOR_ROLES = frozenset({"curator"})
    body = {"username": "curator", "password": "pass"}
    answer = Client().post("/api/v1/auth/token/", body, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"] == "second_factor_required"
    assert not curator.apitoken_set.exists()


def test_token_when_its_owner_lacks_a_required_second_factor_then_refused_until_set_up(
    member: Member, settings: LazySettings
) -> None:
    curator = member("curator")
    _, text = create_token(user=curator, name="script", scope="read")
    headers = {"Authorization": f"Bearer {text}"}
    settings.SECOND_FACTOR_ROLES = frozenset({"curator"})
    assert Client().get("/api/v1/projects/", headers=headers).status_code == 403
    give_app(curator)
    assert Client().get("/api/v1/projects/", headers=headers).status_code == 200


BROKEN = [
    "", "null", "1", "[]", "{}", '"x"', '{"id": 1}', "[" * 100_000,
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"userHandle": "_w"}}',
    json.dumps({
        "id": "AA", "rawId": "AA", "type": "public-key",
        "response": {
            "clientDataJSON": "AA", "authenticatorData": "AA", "signature": "AA",
            "userHandle": "MDAw",
        },
    }),
    json.dumps({
        "id": "AA", "rawId": "AA", "type": "public-key",
        "response": {"clientDataJSON": "e30", "attestationObject": "oA"},
    }),
]  # fmt: skip


@pytest.mark.parametrize("credential", BROKEN, ids=lambda text: str(text)[:30])
def test_passkey_when_the_answer_is_broken_then_nobody_is_signed_in_and_nothing_fails(
    member: Member, credential: str
) -> None:
    give_app(member("reader"))
    stranger, waiting = Client(), sign_in("reader")
    answer = stranger.post("/accounts/2fa/webauthn/login/", {"credential": credential})
    assert answer.status_code == 302
    assert not is_signed_in(stranger)
    answer = waiting.post("/accounts/2fa/authenticate/", {"credential": credential})
    assert answer.status_code == 200
    assert not is_signed_in(waiting)


@pytest.mark.parametrize("credential", ['{"id": 1}', BROKEN[-2]], ids=["broken", "wrong"])
def test_passkey_when_it_does_not_fit_then_a_failed_sign_in_is_recorded(
    member: Member, credential: str
) -> None:
    reader = member("reader")
    give_app(reader)
    Client().post("/accounts/2fa/webauthn/login/", {"credential": credential})
    sign_in("reader").post("/accounts/2fa/authenticate/", {"credential": credential})
    failed = AuditEvent.objects.filter(verb="sign_in_failed").order_by("sequence")
    assert [(row.actor, row.target) for row in failed] == [(None, ""), (None, str(reader.id))]


def test_admin_then_shows_no_secret_and_lets_only_a_superuser_remove_a_factor(
    member: Member,
) -> None:
    give_app(member("reader"))
    factor = Authenticator.objects.get(type="totp")
    root = User.objects.create_superuser("root", password="pass")
    client = Client()
    client.force_login(root)
    page = client.get(f"/admin/mfa/authenticator/{factor.pk}/change/").content.decode()
    assert "reader" in page
    assert factor.data["secret"] not in page
    client.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.filter(pk=factor.pk).exists()


@pytest.mark.parametrize(
    "path",
    ["account/emailaddress", "socialaccount/socialaccount", "socialaccount/socialapp",
     "socialaccount/socialtoken", "usersessions/usersession"],
)  # fmt: skip
def test_admin_then_has_no_page_for_rows_that_sign_people_in(db: None, path: str) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="pass"))
    assert client.get(f"/admin/{path}/").status_code == 404
