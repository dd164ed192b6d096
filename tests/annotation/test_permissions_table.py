"""Every endpoint and page for five roles, an outsider and nobody. A route without a row fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from annotation.models import (
    Intake,
    LostDraft,
    PlanEstimate,
    Project,
    Release,
    User,
)
from annotation.permissions import ROLES, Permission
from annotation.selectors.labels import label_of
from annotation.services.reading import submission
from mlloop.pixels.masks import encode_wire_mask
from tests.support import factories, reporting

PEOPLE = ("reader", "adjudicator", "curator", "engineer", "viewer", "outsider", "nobody")
EVERYBODY = frozenset(PEOPLE)
SIGNED_IN = EVERYBODY - {"nobody"}
# The reader who holds the case, and for pixels the staff. For all others it does not exist.
OWNER = frozenset({"reader"})
OWNER_OR_STAFF = OWNER | ROLES[Permission.SEE_IMAGES]

API: dict[tuple[str, str], Permission | frozenset[str]] = {
    ("token", "post"): EVERYBODY,
    ("projects", "get"): SIGNED_IN,
    ("images", "get"): Permission.SEE_IMAGES,
    ("open-assignments", "get"): Permission.REASSIGN,
    ("next", "post"): Permission.READ_CASES,
    ("last-cases", "get"): Permission.READ_CASES,
    ("image-pixels", "get"): OWNER_OR_STAFF,
    ("image-preview", "get"): OWNER_OR_STAFF,
    ("candidate-mask", "get"): OWNER,
    ("candidate-probability", "get"): OWNER,
    ("comparisons", "get"): OWNER,
    ("lung-layer", "get"): OWNER,
    ("disagreement-layer", "get"): OWNER,
    ("activation-layer", "get"): OWNER,
    ("assignment", "patch"): OWNER,
    ("lease", "delete"): OWNER,
    ("draft", "get"): OWNER,
    ("draft", "put"): OWNER,
    # A curator too, once the case is closed: see api/reading/test_lost_drafts.py.
    ("lost-drafts", "get"): OWNER,
    ("lost-draft", "get"): OWNER,
    ("submit", "post"): OWNER,
    ("reopen", "post"): OWNER,
    ("reopen", "delete"): OWNER,
    ("submitted-thumbnail", "get"): OWNER,
    ("submitted-mask", "get"): OWNER,
    ("reassign", "post"): Permission.REASSIGN,
    ("audit", "get"): Permission.SEE_AUDIT,
    ("releases", "get"): Permission.SEE_RELEASES,
    ("releases", "post"): Permission.MAKE_RELEASES,
    ("release", "get"): Permission.SEE_RELEASES,
    ("release-download", "get"): Permission.SEE_RELEASES,
    # Everybody who sees releases, once it is open: see services/releases/test_opening.py.
    ("sealed-download", "get"): Permission.DOWNLOAD_SEALED,
    ("sealed-open", "post"): Permission.OPEN_SEALED,
    ("rounds", "get"): Permission.SEE_ROUNDS,
    ("rounds", "post"): Permission.RUN_ROUNDS,
    ("round", "get"): Permission.SEE_ROUNDS,
    ("round-report", "get"): Permission.SEE_ROUNDS,
    ("round-cancel", "post"): Permission.RUN_ROUNDS,
    ("round-resume", "post"): Permission.RUN_ROUNDS,
    ("round-close", "post"): Permission.RUN_ROUNDS,
    ("round-promote", "post"): Permission.RUN_ROUNDS,
    ("round-refuse", "post"): Permission.RUN_ROUNDS,
    ("round-rollback", "post"): Permission.RUN_ROUNDS,
    ("plan-schema", "get"): SIGNED_IN,
    ("schema", "get"): EVERYBODY,
    ("docs", "get"): EVERYBODY,
}
PAGES: dict[tuple[str, str], Permission | frozenset[str]] = {
    ("healthz", "get"): EVERYBODY,
    ("metrics", "get"): EVERYBODY,  # from this machine; see web/test_health.py
    ("security_txt", "get"): EVERYBODY,
    ("home", "get"): SIGNED_IN,
    ("account", "get"): SIGNED_IN,
    ("project", "get"): Permission.SEE_PROJECT,
    ("people", "get"): Permission.MANAGE_PEOPLE,
    ("people", "post"): Permission.MANAGE_PEOPLE,
    ("audit", "get"): Permission.SEE_AUDIT,
    ("audit-csv", "get"): Permission.SEE_AUDIT,
    ("audit-json", "get"): Permission.SEE_AUDIT,
    ("server-audit", "get"): frozenset(),  # for administrators; see web/test_audit_page.py
    ("server-audit-csv", "get"): frozenset(),
    ("server-audit-json", "get"): frozenset(),
    ("read", "get"): Permission.READ_CASES,
    ("images", "get"): Permission.SEE_IMAGES,
    ("image", "get"): Permission.SEE_IMAGES,
    ("image_thumbnail", "get"): Permission.SEE_IMAGES,
    ("image_preview", "get"): Permission.SEE_IMAGES,
    ("image_withdraw", "post"): Permission.WITHDRAW,
    ("intake", "get"): Permission.IMPORT,
    ("intake", "post"): Permission.IMPORT,
    ("intake_result", "get"): Permission.IMPORT,
    ("rounds", "get"): Permission.SEE_ROUNDS,
    ("round", "get"): Permission.SEE_ROUNDS,
    ("round_plan", "get"): Permission.RUN_ROUNDS,
    ("round_plan", "post"): Permission.RUN_ROUNDS,
    ("plan_estimate", "get"): Permission.RUN_ROUNDS,
    ("round_report", "get"): Permission.SEE_ROUNDS,
    ("round_overlay", "get"): Permission.SEE_WORST,
    ("releases", "get"): Permission.SEE_RELEASES,
    ("release-download", "get"): Permission.SEE_RELEASES,
    ("sealed-download", "get"): Permission.DOWNLOAD_SEALED,
}
BODIES: dict[str, dict[str, object]] = {
    "token": {"username": "reader", "password": "pass"},
    "reassign": {"reader": None},
    "submit": {
        "client_id": "0b7bb60e-3c1c-4a4e-9d2c-9a2b0d5b8a11",
        "label": "infection",
        "decision": "no_infection",
    },
}
# Answers to an allowed person: done, redirected, not now (409), or an incomplete form (422).
ALLOWED = {200, 201, 202, 204, 302, 304, 409, 422}


def routes(
    patterns: list[URLPattern | URLResolver], namespace: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield namespace, pattern
        elif str(pattern.pattern) not in ("accounts/", "admin/"):  # Django's and allauth's own
            yield from routes(pattern.url_patterns, pattern.namespace or namespace)


def api_methods() -> set[tuple[str, str]]:
    methods = set()
    for namespace, pattern in routes(get_resolver().url_patterns):
        if namespace == "api" and pattern.name != "unknown":
            view = pattern.callback.cls
            methods |= {
                (str(pattern.name), method)
                for method in ("get", "post", "put", "patch", "delete")
                if hasattr(view, method)
            }
    return methods


def page_names() -> set[str]:
    return {str(p.name) for space, p in routes(get_resolver().url_patterns) if space != "api"}


def test_table_then_every_api_method_has_a_row_and_every_row_a_method() -> None:
    assert api_methods() == set(API)


def test_table_then_every_page_has_a_row_and_every_row_a_page() -> None:
    assert page_names() == {name for name, _ in PAGES}


@pytest.fixture
def people(project: Project, member: Callable[..., User]) -> dict[str, Client]:
    cache.clear()
    clients = {"nobody": Client()}
    for name in PEOPLE[:-1]:
        user = member(*([] if name == "outsider" else [name]), name=name)
        clients[name] = Client()
        clients[name].force_login(user)
    return clients


@pytest.fixture
def ids(project: Project, people: dict[str, Client]) -> dict[str, object]:
    """Create one row of each kind and return their ids by URL parameter: a case that the reader
    holds, with a candidate, a draft and a lost draft, and a case that they submitted."""
    image = factories.make_image(project)
    serving = factories.make_round(project, stage="stage_2")
    factories.make_proposals(serving, image)
    other = factories.make_image(project)  # either of the two may be the reader's case
    factories.make_proposals(serving, other)
    reporting.give_report(serving, image, other)
    case = people["reader"].post(
        reverse("api:next", args=["pilot"]), "{}", content_type="application/json"
    )
    body = case.json()
    drawn = people["reader"].put(
        reverse("api:draft", args=[body["assignment"]]),
        encode_wire_mask(factories.disc()),
        content_type="image/png",
        headers={"If-None-Match": "*"},
    )
    assert drawn.status_code == 201
    lost = LostDraft.objects.create(
        assignment_id=body["assignment"],
        label=label_of(project, "infection"),
        mask_key=draft_mask_key(body["assignment"]),
        etag="x",
    )
    release = Release.objects.create(project=project, version="1.0.0", selection_key="x")
    reader = User.objects.get(username="reader")
    submitted = factories.make_assignment(factories.make_image(project), reader, is_prefetched=True)
    submission.submit_annotation(
        assignment=submitted,
        reader=reader,
        client_id=uuid4(),
        label=label_of(project, "infection"),
        decision="no_infection",
    )
    return {
        "slug": "pilot",
        "assignment_id": body["assignment"],
        "submitted_id": submitted.id,
        "candidate_id": body["candidates"][0]["id"],
        "image_id": body["image"]["id"],
        "lost_id": lost.id,
        "number": 1,
        "version": release.version,
        "intake_id": Intake.objects.create(project=project, folder="x", state="done").id,
        "estimate_id": PlanEstimate.objects.create(project=project, manifest={}).id,
    }


def draft_mask_key(assignment_id: str) -> str:
    from annotation.models import Draft

    return Draft.objects.get(assignment_id=assignment_id).mask_key


def send(client: Client, route: str, method: str, ids: dict[str, object]) -> HttpResponse:
    pattern = next(
        p
        for space, p in routes(get_resolver().url_patterns)
        if (f"{space}:{p.name}" if space else p.name) == route
    )
    url = reverse(route, kwargs={name: ids[name] for name in pattern.pattern.converters})
    if method == "get":
        return client.get(url)
    if route.endswith("draft"):
        headers = {"If-None-Match": "*"}
        png = encode_wire_mask(factories.disc())
        return client.put(url, png, content_type="image/png", headers=headers)
    if not route.startswith("api:"):
        return client.post(url)
    body = json.dumps(BODIES.get(route.removeprefix("api:"), {}))
    return getattr(client, method)(url, body, content_type="application/json")


def expected_statuses(row: Permission | frozenset[str], who: str, *, is_api: bool) -> set[int]:
    if who in (ROLES[row] if isinstance(row, Permission) else row):
        return ALLOWED
    if who == "nobody":
        return {401} if is_api else {302}
    if isinstance(row, Permission) and who != "outsider":
        return {403}
    return {404}


ROWS = [(f"api:{name}", method, row) for (name, method), row in API.items()] + [
    (name, method, row) for (name, method), row in PAGES.items()
]


def row_name(value: object) -> str:
    """Return a name of a row's part that is the same in every process: a set has no order."""
    return " or ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


@pytest.mark.parametrize(("route", "method", "row"), ROWS, ids=row_name)
def test_route_when_each_person_asks_then_as_the_table_says(
    route: str,
    method: str,
    row: Permission | frozenset[str],
    people: dict[str, Client],
    ids: dict[str, object],
) -> None:
    # People without the permission ask first: their calls must not change anything.
    order = sorted(PEOPLE, key=lambda who: expected_statuses(row, who, is_api=True) == ALLOWED)
    for who in order:
        allowed = expected_statuses(row, who, is_api=route.startswith("api:"))
        if route == "read" and allowed == ALLOWED and not has_built_editor():
            continue
        if route == "security_txt":
            allowed = {404}  # no contact is set; see web/test_security_contact.py
        if route.endswith("-download") and allowed == ALLOWED:
            allowed = ALLOWED | {404}  # the version is not frozen: there is nothing to download
        status = send(people[who], route, method, ids).status_code
        assert status in allowed, f"{who} {method} {route}: {status}"
        if route in ("api:reassign", "api:submit", "api:lease") and allowed == ALLOWED:
            return  # the case is closed now


def has_built_editor() -> bool:
    return Path(settings.DJANGO_VITE["default"]["manifest_path"]).exists()


def test_pages_when_nobody_asks_then_the_login_page(
    people: dict[str, Client], ids: dict[str, object]
) -> None:
    for (name, method), row in PAGES.items():
        if row != EVERYBODY:
            location = send(people["nobody"], name, method, ids)["Location"]
            assert location.startswith(settings.LOGIN_URL), name


def test_admin_when_not_staff_then_only_its_login(people: dict[str, Client]) -> None:
    for client in people.values():
        assert client.get("/admin/").status_code == 302
        assert client.get("/admin/annotation/auditevent/").status_code == 302


def test_sign_up_when_anybody_asks_then_closed(people: dict[str, Client]) -> None:
    page = people["nobody"].get("/accounts/signup/")
    assert "<input" not in page.content.decode().replace("hidden", "") or page.status_code == 404
    body = {"username": "eve", "password1": "long-enough-1", "password2": "long-enough-1"}
    people["nobody"].post("/accounts/signup/", body)
    assert not User.objects.filter(username="eve").exists()
