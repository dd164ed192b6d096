"""Whose account an administrator may change, and that every change is in the audit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from annotation.models import AuditEvent, Membership, Project, SplitEntry, User
from annotation.services import audit
from annotation.services.projects import create_project
from annotation.services.tokens import create_token
from tests.support import factories
from tests.support.calls import signed_in
from tests.support.database import unguarded

pytestmark = pytest.mark.django_db
NEW = "a-new-password-1"


@pytest.fixture
def staff(member: Callable[..., User]) -> User:
    """An administrator who may change accounts, and who is curator of the project."""
    user = member("curator", name="staff")
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="annotation"))
    return user


def set_password(client: Client, user: User) -> int:
    """Set an account's password in the administration; return the status."""
    form = {"usable_password": "true", "password1": NEW, "password2": NEW}
    answer = client.post(f"/admin/annotation/user/{user.pk}/password/", form)
    user.refresh_from_db()
    return int(answer.status_code)


def rename(client: Client, user: User) -> int:
    url = f"/admin/annotation/user/{user.pk}/change/"
    return int(client.post(url, account_form(user, "taken@over.example")).status_code)


def account_form(user: User, email: str) -> dict[str, str]:
    day, time = f"{user.date_joined:%Y-%m-%d %H:%M:%S}".split()
    joined = {"date_joined_0": day, "date_joined_1": time}
    return {"username": user.username, "email": email, "is_active": "on", **joined}


@pytest.mark.parametrize("above", ["superuser", "other staff", "themself"])
def test_staff_when_the_account_has_rights_of_administration_then_refused(
    staff: User, above: str
) -> None:
    victim = User.objects.create_user("victim", password="pass")
    if above == "themself":
        victim = staff
    victim.is_staff, victim.is_superuser = True, above == "superuser"
    victim.save()
    client = signed_in(staff)
    assert (set_password(client, victim), rename(client, victim)) == (403, 403)
    assert victim.check_password("pass")
    victim.refresh_from_db()
    assert victim.email == ""


@pytest.mark.parametrize("role", Membership.Role.values)
def test_staff_when_the_account_is_a_member_of_another_project_then_refused(
    project: Project, staff: User, role: str
) -> None:
    victim = User.objects.create_user("victim", password="pass")
    Membership.objects.create(project=project, user=victim, role="reader")
    elsewhere = create_project(slug="elsewhere", name="Elsewhere", actor=None)
    Membership.objects.create(project=elsewhere, user=victim, role=role)
    client = signed_in(staff)
    assert (set_password(client, victim), rename(client, victim)) == (403, 403)
    # To read there does not help: the victim may be above a reader.
    Membership.objects.create(project=elsewhere, user=staff, role="reader")
    assert set_password(client, victim) == 403
    assert victim.check_password("pass")
    Membership.objects.create(project=elsewhere, user=staff, role="curator")
    assert set_password(client, victim) == 302
    assert victim.check_password(NEW)


def test_admin_when_it_changes_anything_then_the_audit_says_who_and_which_fields(
    project: Project,
) -> None:
    root = User.objects.create_superuser("root", password="pass")
    client, ann = signed_in(root), User.objects.create_user("ann", password="pass")
    assert set_password(client, ann) == 302
    assert rename(client, ann) == 302
    added = {
        "username": "bob",
        "usable_password": "true",
        "password1": NEW,
        "password2": NEW,
    }
    assert client.post("/admin/annotation/user/add/", added).status_code == 302
    project_form = {"name": "Renamed", "time_zone": "UTC", "guideline": ""}
    url = f"/admin/annotation/project/{project.pk}/change/"
    assert client.post(url, project_form).status_code == 302
    events = AuditEvent.objects.filter(actor=root).order_by("created_at")
    told = [
        # The form rounds this time to seconds, so it differs as well.
        (event.verb, event.target, event.facts["fields"].lower().removesuffix(", date joined"))
        for event in events
    ]
    bob = User.objects.get(username="bob")
    assert told == [
        ("admin_change", str(ann.pk), "password"),
        ("admin_change", str(ann.pk), "email address"),
        ("admin_add", str(bob.pk), ""),
        ("admin_change", str(project.pk), "name"),
    ]
    assert events.last().project == project
    assert NEW not in str(list(events.values()))
    assert "taken@over" not in str(list(events.values()))


def test_admin_when_it_sets_a_password_then_the_persons_sessions_and_tokens_end(
    project: Project, member: Callable[..., User]
) -> None:
    ann = member("viewer", name="ann")
    _, text = create_token(user=ann, name="x", scope="read", days=1)
    session = signed_in(ann)
    bearer = {"Authorization": f"Bearer {text}"}
    assert session.get("/p/pilot/").status_code == 200
    assert Client().get("/api/v1/projects/", headers=bearer).status_code == 200
    root = User.objects.create_superuser("root", password="pass")
    assert set_password(signed_in(root), ann) == 302
    assert session.get("/p/pilot/").status_code == 302
    assert Client().get("/api/v1/projects/", headers=bearer).status_code == 401


def test_account_form_when_a_superuser_posts_the_demo_mark_then_it_does_not_change() -> None:
    root = User.objects.create_superuser("root", password="pass")
    demo = User.objects.create_user("reader", is_demo=True)
    form = account_form(demo, "real@person.example") | {"is_demo": ""}
    answer = signed_in(root).post(f"/admin/annotation/user/{demo.pk}/change/", form)
    assert answer.status_code == 302
    demo.refresh_from_db()
    assert (demo.email, demo.is_demo) == ("real@person.example", True)


def sealed_rows(project: Project) -> dict[str, object]:
    """Make a sealed image that was read, beside another; return its rows by admin model."""
    factories.make_reference(factories.make_image(project))
    sealed = factories.make_reference(factories.make_image(project, split="sealed"))
    return {
        "annotation": sealed.annotations.get().pk,
        "reference": sealed.pk,
        "splitentry": SplitEntry.objects.get(split="sealed").pk,
    }


@pytest.mark.parametrize(
    ("roles", "sees_sealed"),
    [
        ([], False),
        (["viewer"], False),
        (["engineer"], False),
        (["curator", "engineer"], False),
        (["curator"], True),
    ],
)
@pytest.mark.parametrize("is_superuser", [False, True])
def test_staff_when_not_a_curator_of_the_project_then_no_row_of_a_sealed_image(
    project: Project,
    member: Callable[..., User],
    roles: list[str],
    sees_sealed: bool,
    is_superuser: bool,
) -> None:
    rows, user = sealed_rows(project), member(*roles)
    user.is_staff, user.is_superuser = True, is_superuser
    user.save()
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="annotation"))
    elsewhere = create_project(slug="elsewhere", name="Elsewhere", actor=None)
    Membership.objects.create(project=elsewhere, user=user, role="curator")
    client = signed_in(user)
    for model, pk in rows.items():
        url = f"/admin/annotation/{model}/"
        shown = client.get(url).context["cl"].result_count
        assert shown == (2 if sees_sealed else 1), model
        status = client.get(f"{url}{pk}/change/").status_code
        assert status == (200 if sees_sealed else 302), model  # "it does not exist"


def test_admin_when_an_old_gate_refused_then_its_figures_are_on_no_page(project: Project) -> None:
    reason = "Refused by the gate. It may be worse: source west (dice, n = 2): -0.512."
    with unguarded():
        row = factories.make_round(project, state="refused")
        row.decision_reason = reason
        row.save()
    audit.record(
        project=project, actor=None, verb="refuse_round", target=row.pk, facts={"reason": reason}
    )
    event = AuditEvent.objects.get(verb="refuse_round")
    client = signed_in(User.objects.create_superuser("root", password="pass"))
    for url in (f"round/{row.pk}", f"auditevent/{event.pk}"):
        page = client.get(f"/admin/annotation/{url}/change/")
        assert page.status_code == 200, url
        assert "source west" not in page.content.decode(), url


@pytest.mark.parametrize(
    "question",
    [
        "project/?salt__startswith=a",
        "annotation/?note__startswith=a",
        "round/?metrics__startswith=a",
        "round/?snapshot_key__startswith=p",
    ],
)
def test_admin_when_a_list_is_asked_for_a_hidden_column_then_refused(
    project: Project, question: str
) -> None:
    client = signed_in(User.objects.create_superuser("root", password="pass"))
    assert client.get(f"/admin/annotation/{question}").status_code == 400


def test_admin_when_asked_for_groups_then_there_are_none(project: Project) -> None:
    client = signed_in(User.objects.create_superuser("root", password="pass"))
    assert client.get("/admin/auth/group/").status_code == 404


def test_members_when_staff_read_in_the_project_then_they_see_no_other_reader(
    member: Callable[..., User],
) -> None:
    member("reader", name="other-reader")
    user = member("reader", name="staff-reader")
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="annotation"))
    page = signed_in(user).get("/admin/annotation/membership/")
    assert page.status_code == 200
    assert "other-reader" not in page.content.decode()
