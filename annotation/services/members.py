"""Give and remove roles in a project, and declare a project open.

In a project nobody both reads cases and sees images, rounds or releases: names, groups and other
people's masks would unblind the reads. An open project allows it, and its reads are marked as not
blind.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from annotation.errors import Conflict, Invalid, Refused
from annotation.models import Assignment, AuditEvent, Image, Membership, Project, User
from annotation.permissions import READING, SEEING, held_roles, mixes_roles
from annotation.services import audit
from annotation.services.reading.closing_reopened import close_reopened

Role = Membership.Role
_OR_OPEN = "Or declare the project open: its reads are then marked as not blind."


@transaction.atomic
def add_member(*, project: Project, user: User, role: str, actor: User | None) -> Membership:
    """Give `user` a role in `project` and return the membership; repeating it changes nothing.

    Raises Invalid for an unknown role. Raises Refused if `actor` is `user`, and if the role would
    unblind the person's reads.
    """
    if role not in Role.values:
        known = ", ".join(Role.values)
        raise Invalid(f"There is no role {role!r}; the roles are {known}.", field="role")
    _refuse_own_role(user, actor)
    project = _locked(project)
    if existing := Membership.objects.filter(project=project, user=user, role=role).first():
        return existing
    if not project.is_open:
        _refuse_unblinding_role(project, user, Role(role))
    membership = Membership.objects.create(project=project, user=user, role=role)
    audit.record(
        project=project, actor=actor, verb="add_member", target=user.id, facts={"role": role}
    )
    return membership


@transaction.atomic
def remove_member(*, project: Project, user: User, role: str, actor: User | None) -> None:
    """Remove a role of `user` in `project`; the person's annotations stay.

    A person who no longer reads gives back the cases that they did not draw on. Raises Refused for
    the last curator.
    """
    project = _locked(project)
    held = Membership.objects.filter(project=project, user=user, role=role)
    if not held.exists():
        return
    if role == Role.CURATOR and not _has_another_curator(project, user):
        raise Refused(
            f"{user.username} is the only curator of this project, and a project needs one. Give "
            "another person the role curator first.",
            code="last_curator",
        )
    held.delete()
    if not held_roles(user, project) & READING:
        _give_back_cases(project, user, actor)
    audit.record(
        project=project, actor=actor, verb="remove_member", target=user.id, facts={"role": role}
    )


@transaction.atomic
def open_project(*, project: Project, actor: User | None) -> Project:
    """Let one person both read and see in this project from now on; repeating changes nothing.

    This cannot be undone: what people saw, they know.
    """
    project = _locked(project)
    if not project.is_open:
        project.opened_at = timezone.now()
        project.save(update_fields=["opened_at"])
        audit.record(project=project, actor=actor, verb="open_project", target=project.id)
    return project


def _locked(project: Project) -> Project:
    """Lock the project's row and return it, so that two changes of roles happen one by one."""
    if not Project.objects.filter(pk=project.pk).update(slug=project.slug):
        raise Conflict("This project does not exist any more.")
    return Project.objects.get(pk=project.pk)


def _refuse_own_role(user: User, actor: User | None) -> None:
    if actor is not None and actor.pk == user.pk:
        raise Refused(
            "Nobody gives themself a role. Ask another curator of this project.", code="own_role"
        )


def _refuse_unblinding_role(project: Project, user: User, role: Role) -> None:
    """Raise Refused if the role lets the person see what they read, or read what they saw."""
    held, name = held_roles(user, project), user.username
    if mixes_roles(held | {role}):
        other = ", ".join(sorted(held & (SEEING if role in READING else READING)))
        raise Refused(
            f"{name} is {other} here and cannot also be {role}: in one project nobody both reads "
            f"cases and sees images, rounds or releases. Remove the role {other} first. {_OR_OPEN}",
            code="roles_mixed",
        )
    if role in SEEING:
        cases = Assignment.objects.filter(
            project=project, reader=user, state__in=Assignment.HELD
        ).count()
        if cases:
            raise Refused(
                f"{name} still holds {cases} open case{'s' if cases > 1 else ''} here and would "
                f"see what they are. Reassign them first. {_OR_OPEN}",
                code="holds_cases",
            )
    elif _has_seen_images(project, user):
        raise Refused(
            f"{name} had a role that sees the images of this project, so their reads would not be "
            f"blind. Choose another person. {_OR_OPEN}",
            code="has_seen_images",
        )


def _has_seen_images(project: Project, user: User) -> bool:
    """Return whether the person had a seeing role while the project had images."""
    removed: datetime | None = (
        AuditEvent.objects.filter(
            project=project,
            verb="remove_member",
            target=str(user.pk),
            facts__role__in=[str(role) for role in SEEING],
        )
        .order_by("-created_at")
        .values_list("created_at", flat=True)
        .first()
    )
    if removed is None:
        return False
    return Image.objects.filter(project=project, created_at__lte=removed).exists()


def _has_another_curator(project: Project, user: User) -> bool:
    others = Membership.objects.filter(project=project, role=Role.CURATOR, user__is_active=True)
    return others.exclude(user=user).exists()


def _give_back_cases(project: Project, user: User, actor: User | None) -> None:
    """Return the person's cases without a drawing to the queue; a curator reassigns the others."""
    cases = Assignment.objects.filter(project=project, reader=user)
    cases.filter(state=Assignment.State.OPEN, has_draft=False).update(
        state=Assignment.State.RELEASED, closed_at=timezone.now()
    )
    close_reopened(cases, actor=actor)
