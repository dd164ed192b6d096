"""Sign-on by OpenID Connect against a provider on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from annotation.models import AuditEvent, Membership, Project, User
from annotation.services.sign_on import claim_values
from tests.support.openid import Provider, running_provider, sign_on
from tests.support.second_factors import give_app

Member = Callable[..., User]


@pytest.fixture
def provider(db: None, settings: LazySettings) -> Iterator[Provider]:
    cache.clear()
    with running_provider() as provider:
        settings.SIGN_ON_PROVIDERS = provider.settings(registers=True)
        yield provider


def who(client: Client) -> str | None:
    page = client.get("/account/")
    return str(page.context["user"].username) if page.status_code == 200 else None


def connect(client: Client) -> None:
    client.post("/accounts/login/", {"login": "curator", "password": "pass"})
    client.post("/accounts/reauthenticate/", {"password": "pass"})
    sign_on(client, process="connect")


def test_sign_on_when_the_provider_registers_then_a_new_account_and_the_same_one_again(
    provider: Provider,
) -> None:
    client, again = Client(), Client()
    sign_on(client)
    assert who(client) == "ada"
    provider.claims["preferred_username"] = "renamed"
    sign_on(again)
    assert who(again) == "ada"
    assert User.objects.count() == 1
    account = User.objects.get()
    assert not account.has_usable_password()
    assert account.email == ""
    assert provider.asked[0]["code_verifier"]  # PKCE


def test_sign_on_when_the_provider_does_not_register_then_refused(
    provider: Provider, settings: LazySettings
) -> None:
    settings.SIGN_ON_PROVIDERS = provider.settings()
    client = Client()
    page = sign_on(client)
    assert "No account here is connected" in page.content.decode()
    assert who(client) is None
    assert not User.objects.exists()


def test_sign_on_when_name_and_email_are_somebody_elses_then_another_account(
    provider: Provider, member: Member
) -> None:
    victim = member("curator")
    User.objects.filter(pk=victim.pk).update(email="curator@example.org")
    provider.claims |= {
        "preferred_username": "curator",
        "email": "curator@example.org",
        "email_verified": True,
    }
    client = Client()
    sign_on(client)
    assert who(client) not in (None, "curator")
    assert not SocialAccount.objects.filter(user=victim).exists()


def test_sign_on_when_connected_on_the_account_page_then_it_signs_in_to_that_account(
    provider: Provider, member: Member, settings: LazySettings
) -> None:
    settings.SIGN_ON_PROVIDERS = provider.settings()
    member("curator")
    connect(Client())
    client = Client()
    sign_on(client)
    assert who(client) == "curator"


def test_sign_on_when_connected_to_somebody_then_nobody_else_can_take_it(
    provider: Provider, member: Member
) -> None:
    member("curator"), member("viewer")
    connect(Client())
    thief = Client()
    thief.post("/accounts/login/", {"login": "viewer", "password": "pass"})
    thief.post("/accounts/reauthenticate/", {"password": "pass"})
    sign_on(thief, process="connect")
    assert SocialAccount.objects.get().user.username == "curator"


def test_connecting_when_not_confirmed_then_the_password_is_asked_first(
    provider: Provider, member: Member
) -> None:
    member("curator")
    client = Client()
    client.post("/accounts/login/", {"login": "curator", "password": "pass"})
    answer = sign_on(client, process="connect")
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not SocialAccount.objects.exists()


def test_sign_on_when_the_issuer_of_the_setting_changes_then_its_subjects_are_other_people(
    provider: Provider, member: Member, settings: LazySettings
) -> None:
    settings.SIGN_ON_PROVIDERS = provider.settings()
    member("curator")
    connect(Client())
    with running_provider() as other:  # the same id and subject, another issuer
        settings.SIGN_ON_PROVIDERS = other.settings()
        client = Client()
        assert "No account here is connected" in sign_on(client).content.decode()
        assert who(client) is None


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("token", {"iss": "https://elsewhere.example"}),
        ("token", {"aud": "another-client"}),
        ("token", {"exp": 1}),
        ("token", {"sub": ""}),
        ("token", {"sub": 7}),
        ("userinfo", {"sub": "somebody-else"}),
        ("config", {"issuer": "https://elsewhere.example"}),
        ("config", {"token_endpoint": "ftp://elsewhere.example/token"}),
        ("config", {"token_endpoint": None}),
    ],
)
def test_sign_on_when_the_answer_does_not_fit_then_refused_with_a_page(
    provider: Provider, part: str, value: dict[str, object]
) -> None:
    client = Client()
    if part == "config":
        provider.config = value
        page = client.post("/accounts/oidc/hospital/login/")
    else:
        setattr(provider, part, value)
        page = sign_on(client)
    assert page.status_code == 401
    assert "failed" in page.content.decode()
    assert who(client) is None
    assert not User.objects.exists()


def test_sign_on_when_the_provider_cannot_be_reached_then_a_page_says_so(
    provider: Provider, settings: LazySettings
) -> None:
    settings.SIGN_ON_PROVIDERS = tuple(Provider("http://127.0.0.1:9").settings())
    page = Client().post("/accounts/oidc/hospital/login/")
    assert page.status_code == 401
    assert "cannot be reached" in page.content.decode()


def test_sign_on_when_the_answer_was_not_asked_for_then_refused(provider: Provider) -> None:
    callback = "/accounts/oidc/hospital/login/callback/"
    client = Client()
    assert client.get(callback, {"code": "c", "state": "forged"}).status_code == 401
    assert who(client) is None


@pytest.mark.parametrize("name", ["elsewhere", "openid_connect"])
def test_sign_on_when_the_provider_is_not_in_the_settings_then_not_found(
    provider: Provider, name: str
) -> None:
    assert Client().post(f"/accounts/oidc/{name}/login/").status_code == 404
    assert Client().get(f"/accounts/oidc/{name}/login/callback/").status_code == 404


def test_sign_on_when_the_account_is_deactivated_then_refused(provider: Provider) -> None:
    sign_on(Client())
    User.objects.update(is_active=False)
    client = Client()
    assert sign_on(client)["Location"] == "/accounts/inactive/"
    assert "cannot sign in" in client.get("/accounts/inactive/").content.decode()
    assert who(client) is None


GRANTS = [
    {"claim": "groups", "value": "radiology", "project": "pilot", "role": "reader"},
    {"claim": "groups", "value": "chiefs", "project": "pilot", "role": "adjudicator"},
    {"claim": "access.roles", "value": "adjudicator", "project": "pilot", "role": "adjudicator"},
    {"claim": "groups", "value": "radiology", "project": "gone", "role": "reader"},
]


def roles() -> set[str]:
    return set(Membership.objects.values_list("role", flat=True))


def test_claims_then_give_and_take_the_mapped_roles_and_no_others(
    provider: Provider, project: Project, settings: LazySettings
) -> None:
    settings.SIGN_ON_PROVIDERS = provider.settings(registers=True, roles=GRANTS)
    provider.claims["groups"] = ["radiology", "staff", "curator"]
    sign_on(Client())
    assert roles() == {"reader"}
    assert not User.objects.get().is_staff
    provider.claims |= {"groups": [], "access": {"roles": ["adjudicator"]}}
    sign_on(Client())
    assert roles() == {"adjudicator"}
    verbs = AuditEvent.objects.filter(project=project).values_list("verb", flat=True)
    assert {"add_member", "remove_member"} <= set(verbs)
    stored = SocialAccount.objects.get().extra_data
    assert "email" not in str(stored)


def test_claims_when_a_curator_gave_a_role_that_no_claim_maps_then_it_stays(
    provider: Provider, project: Project, settings: LazySettings
) -> None:
    settings.SIGN_ON_PROVIDERS = provider.settings(registers=True, roles=GRANTS[:1])
    sign_on(Client())
    Membership.objects.create(project=project, user=User.objects.get(), role="adjudicator")
    sign_on(Client())
    assert roles() == {"adjudicator"}


def test_claims_when_a_role_would_unblind_then_refused_with_the_reason_and_signed_in(
    provider: Provider, project: Project, settings: LazySettings
) -> None:
    seeing = GRANTS[0] | {"value": "chiefs", "role": "viewer"}
    settings.SIGN_ON_PROVIDERS = provider.settings(registers=True, roles=[GRANTS[0], seeing])
    provider.claims["groups"] = ["radiology", "chiefs"]
    client = Client()
    sign_on(client)
    assert len(roles()) == 1
    assert "nobody both reads cases and sees" in client.get("/account/").content.decode()


def test_claim_values_then_texts_alone() -> None:
    claims = {"a": "x", "b": ["x", 1, None, "y"], "c": {"d": ["z"]}, "e.f": "g", "h": 5}
    assert claim_values(claims, "a") == {"x"}
    assert claim_values(claims, "b") == {"x", "y"}
    assert claim_values(claims, "c.d") == {"z"}
    assert claim_values(claims, "e.f") == {"g"}
    for name in ("h", "c", "c.d.e", "none", "a.b"):
        assert claim_values(claims, name) == frozenset()


def test_sign_on_when_the_account_has_an_app_then_its_code_is_asked(provider: Provider) -> None:
    sign_on(Client())
    give_app(User.objects.get())
    client = Client()
    assert sign_on(client)["Location"] == "/accounts/2fa/authenticate/"
    assert who(client) is None


@pytest.mark.parametrize("checks", [False, True])
def test_required_second_factor_when_the_provider_checks_it_then_enough(
    provider: Provider, project: Project, settings: LazySettings, checks: bool
) -> None:
    settings.SECOND_FACTOR_ROLES = frozenset({"curator"})
    grant = GRANTS[0] | {"role": "curator"}
    provider.claims["groups"] = ["radiology"]
    settings.SIGN_ON_PROVIDERS = provider.settings(
        registers=True, checks_second_factor=checks, roles=[grant]
    )
    client = Client()
    sign_on(client)
    assert roles() == {"curator"}
    assert client.get("/").status_code == (200 if checks else 302)
    assert client.get("/api/v1/projects/").status_code == (200 if checks else 403)


def test_sign_on_page_when_connected_then_can_be_disconnected_if_a_password_remains(
    provider: Provider, member: Member
) -> None:
    member("curator")
    client = Client()
    connect(client)
    row = SocialAccount.objects.get()
    assert "ada" in client.get("/accounts/sign-on/").content.decode()
    client.post("/accounts/sign-on/", {"account": row.pk})
    assert not SocialAccount.objects.exists()
    only = Client()
    sign_on(only)
    row = SocialAccount.objects.get()
    only.post("/accounts/sign-on/", {"account": row.pk})
    assert SocialAccount.objects.exists()
