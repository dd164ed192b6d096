"""The settings of sign-on, second factors and e-mail: what is not clear is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from annotation.config.mail import read_smtp
from annotation.sign_on import read_providers, read_role_names

GOOD = {
    "id": "hospital",
    "name": "Hospital",
    "issuer": "https://sso.example.org/realms/x",
    "client_id": "c",
    "secret": "s",
    "roles": [{"claim": "groups", "value": "v", "project": "p", "role": "reader"}],
}
GRANT = GOOD["roles"][0]


def test_providers_when_they_are_json_or_a_file_then_the_same(tmp_path: Path) -> None:
    text = json.dumps([GOOD, GOOD | {"id": "other", "registers": True}])
    (tmp_path / "sign-on.json").write_text(text)
    providers = read_providers(text)
    assert providers == read_providers(str(tmp_path / "sign-on.json"))
    assert [(p.id, p.registers) for p in providers] == [("hospital", False), ("other", True)]
    assert providers[0].grants[0].role == "reader"
    assert read_providers(" ") == ()


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([{k: v for k, v in GOOD.items() if k != "secret"}], "secret"),
        ([GOOD | {"id": "openid_connect"}], "id"),
        ([GOOD | {"issuer": "http://sso.example.org"}], "https"),
        ([GOOD | {"issuer": "https://sso.example.org?x=1"}], "issuer"),
        ([GOOD | {"register": True}], "'register'"),
        ([GOOD | {"registers": "yes"}], "registers"),
        ([GOOD | {"scopes": ["email"]}], "openid"),
        ([GOOD | {"roles": [GRANT | {"role": "staff"}]}], "'staff'"),
        ([GOOD | {"roles": [GRANT | {"claims": "x"}]}], "'claims'"),
        ([GOOD | {"roles": {}}], "roles"),
        ([GOOD, GOOD], "same id"),
        (["x"], "object"),
    ],
)
def test_providers_when_something_is_wrong_then_the_error_names_it(
    entries: list[object], named: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match="ROUNDTRUTH_SIGN_ON") as error:
        read_providers(json.dumps(entries))
    assert named in str(error.value)


@pytest.mark.parametrize("text", ["{}", "[", "/no/such/file"])
def test_providers_when_the_text_is_broken_then_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="ROUNDTRUTH_SIGN_ON"):
        read_providers(text)


def test_role_names_then_each_must_exist() -> None:
    assert read_role_names("curator, staff,") == {"curator", "staff"}
    assert read_role_names("") == frozenset()
    with pytest.raises(ImproperlyConfigured, match="'admin'"):
        read_role_names("admin")


def test_mail_then_each_scheme_encrypts_as_it_says() -> None:
    assert read_smtp("") is None
    server = read_smtp("smtp://us%40er:pa%2Fss@mail.example.org")
    assert server is not None
    assert (server.user, server.password, server.port) == ("us@er", "pa/ss", 587)
    read = [read_smtp(f"{scheme}://h") for scheme in ("smtp", "smtps", "smtp-plain")]
    modes = [(row.starttls, row.tls) for row in read if row]
    assert modes == [(True, False), (False, True), (False, False)]


@pytest.mark.parametrize("url", ["mail.example.org", "http://h", "smtp://", "smtp://u:secret@h:x"])
def test_mail_when_the_address_is_wrong_then_refused_without_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="ROUNDTRUTH_SMTP") as error:
        read_smtp(url)
    assert "secret" not in str(error.value)
