"""Roles that must not mix: nobody both reads and sees in a project that is not open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.errors import Invalid, Refused
from annotation.models import Assignment, AuditEvent, Membership, Project, User
from annotation.permissions import READING, SEEING
from annotation.selectors.upkeep.invariants import breaches
from annotation.services.members import add_member, open_project, remove_member
from tests.support import factories

pytestmark = pytest.mark.django_db
Member = Callable[..., User]


def roles_of(user: User, project: Project) -> set[str]:
    return set(Membership.objects.filter(user=user, project=project).values_list("role", flat=True))


@pytest.fixture
def curator(member: Member) -> User:
    return member("curator", name="cleo")


@pytest.mark.parametrize("first", sorted([*READING, *SEEING]))
def test_add_member_when_roles_would_mix_then_refused_with_what_to_do(
    project: Project, member: Member, curator: User, first: str
) -> None:
    ann = member(first, name="ann")
    for second in SEEING if first in READING else READING:
        with pytest.raises(Refused, match=rf"Remove the role {first} first.*open") as refused:
            add_member(project=project, user=ann, role=second, actor=curator)
        assert refused.value.code == "roles_mixed"
    assert roles_of(ann, project) == {first}
    for second in READING if first in READING else SEEING:
        add_member(project=project, user=ann, role=second, actor=curator)


def test_add_member_when_the_role_is_for_oneself_then_refused(
    project: Project, curator: User
) -> None:
    for role in Membership.Role.values:
        with pytest.raises(Refused, match="Nobody gives themself a role") as refused:
            add_member(project=project, user=curator, role=role, actor=curator)
        assert refused.value.code == "own_role"
    assert roles_of(curator, project) == {"curator"}


def test_add_member_when_the_role_is_unknown_then_the_roles_are_named(
    project: Project, member: Member
) -> None:
    with pytest.raises(Invalid, match="reader, adjudicator, curator"):
        add_member(project=project, user=member(name="ann"), role="king", actor=None)


def test_remove_member_when_the_only_curator_then_refused_until_there_is_another(
    project: Project, member: Member, curator: User
) -> None:
    gone = member("curator", name="left-the-hospital")
    gone.is_active = False
    gone.save()
    for actor in (curator, None):
        with pytest.raises(Refused, match="only curator") as refused:
            remove_member(project=project, user=curator, role="curator", actor=actor)
        assert refused.value.code == "last_curator"
    add_member(project=project, user=member(name="dora"), role="curator", actor=curator)
    remove_member(project=project, user=curator, role="curator", actor=curator)
    assert roles_of(curator, project) == set()


def test_remove_member_when_they_read_then_only_cases_with_a_drawing_stay_theirs(
    project: Project, member: Member, curator: User
) -> None:
    ann = member("reader", name="ann")
    plain = factories.make_assignment(factories.make_image(project), ann)
    drawn = factories.make_assignment(
        factories.make_image(project), ann, has_draft=True, is_prefetched=True
    )
    remove_member(project=project, user=ann, role="reader", actor=curator)
    states = dict(Assignment.objects.values_list("id", "state"))
    assert states == {plain.id: "released", drawn.id: "open"}
    with pytest.raises(Refused, match="still holds 1 open case here") as refused:
        add_member(project=project, user=ann, role="viewer", actor=curator)
    assert refused.value.code == "holds_cases"
    Assignment.objects.update(state="released")
    add_member(project=project, user=ann, role="viewer", actor=curator)


@pytest.mark.postgres
def test_add_member_when_they_saw_the_images_then_they_never_read_them_blind(
    project: Project, member: Member, curator: User
) -> None:
    ann, bob = member(name="ann"), member(name="bob")
    for user in (ann, bob):  # bob's role is corrected before there is an image
        add_member(project=project, user=user, role="viewer", actor=curator)
    remove_member(project=project, user=bob, role="viewer", actor=curator)
    factories.make_image(project)
    remove_member(project=project, user=ann, role="viewer", actor=curator)
    with pytest.raises(Refused, match="would not be blind") as refused:
        add_member(project=project, user=ann, role="reader", actor=curator)
    assert refused.value.code == "has_seen_images"
    add_member(project=project, user=bob, role="reader", actor=curator)


def test_open_project_when_declared_then_roles_mix_and_the_audit_says_who(
    project: Project, member: Member, curator: User
) -> None:
    opened = open_project(project=project, actor=curator)
    again = open_project(project=project, actor=None)
    assert opened.opened_at == again.opened_at is not None
    ann = member("reader", name="ann")
    add_member(project=project, user=ann, role="viewer", actor=curator)
    assert roles_of(ann, project) == {"reader", "viewer"}
    events = AuditEvent.objects.filter(project=project).order_by("created_at")
    told = list(events.values_list("verb", "actor", "facts"))[-2:]
    assert told == [
        ("open_project", curator.pk, {}),
        ("add_member", curator.pk, {"role": "viewer"}),
    ]


def test_invariants_when_rows_mix_roles_then_a_breach_unless_the_project_is_open(
    project: Project, member: Member
) -> None:
    both = member("reader", "engineer", name="both")
    (breach,) = breaches(project)
    assert str(both.pk) in breach
    assert "both reads and sees" in breach
    assert list(breaches(open_project(project=project, actor=None))) == []
