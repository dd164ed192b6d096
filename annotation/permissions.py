"""The only place that decides who may do what; everybody else asks here.

A person outside a project is told that it does not exist (404); inside it, a deed that the role
does not cover is forbidden (403).
"""

from __future__ import annotations

from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from annotation.errors import Forbidden, NotFound
from annotation.models import Membership, Project, User

Role = Membership.Role


class Deed(StrEnum):
    """What can be done in a project; each endpoint and page names exactly one."""

    SEE_PROJECT = "see the project"
    SEE_IMAGES = "see the images"
    IMPORT = "import images"
    READ_CASES = "read cases"
    SEE_ROUNDS = "see the rounds"
    RUN_ROUNDS = "run rounds"
    SEE_WORST = "see proposals beside their references"
    SEE_RELEASES = "see the releases"
    MAKE_RELEASES = "make releases"
    WITHDRAW = "withdraw images"
    MANAGE_PEOPLE = "manage people"
    REASSIGN = "reassign cases"
    SEE_LOST_MASKS = "see masks that lost a race"


ALL = frozenset(Role)
_STAFF = frozenset({Role.CURATOR, Role.ENGINEER, Role.VIEWER})
ROLES: dict[Deed, frozenset[Role]] = {
    Deed.SEE_PROJECT: ALL,
    # Readers see cases, never the list: file names, sources and groups would unblind them.
    Deed.SEE_IMAGES: _STAFF,
    Deed.IMPORT: frozenset({Role.CURATOR}),
    Deed.READ_CASES: frozenset({Role.READER, Role.ADJUDICATOR}),
    Deed.SEE_ROUNDS: _STAFF,
    Deed.RUN_ROUNDS: frozenset({Role.ENGINEER}),
    Deed.SEE_WORST: frozenset({Role.CURATOR, Role.ENGINEER}),
    # Nor a release: its manifest names group, reader and verdict of masks that are read blind.
    Deed.SEE_RELEASES: _STAFF,
    Deed.MAKE_RELEASES: frozenset({Role.CURATOR}),
    Deed.WITHDRAW: frozenset({Role.CURATOR}),
    Deed.MANAGE_PEOPLE: frozenset({Role.CURATOR}),
    Deed.REASSIGN: frozenset({Role.CURATOR}),
    Deed.SEE_LOST_MASKS: frozenset({Role.CURATOR}),
}

# Who has one of these may not do it, whatever else they are: the case may come back to them blind.
BARRED: dict[Deed, frozenset[Role]] = {
    Deed.SEE_WORST: frozenset({Role.READER, Role.ADJUDICATOR}),
}

Person = User | AnonymousUser


def projects_of(user: Person) -> QuerySet[Project]:
    """Return the projects that `user` may know of."""
    if user.pk is None:
        return Project.objects.none()
    return Project.objects.filter(memberships__user_id=user.pk).distinct()


def roles_in(user: Person, project: Project) -> frozenset[Role]:
    """Return the roles of `user` in `project`; empty for an outsider."""
    if user.pk is None:
        return frozenset()
    rows = Membership.objects.filter(project=project, user_id=user.pk)
    return frozenset(Role(role) for role in rows.values_list("role", flat=True))


def may(user: Person, deed: Deed, project: Project) -> bool:
    """Say whether `user` may do `deed` in `project`."""
    return _covers(roles_in(user, project), deed)


def project_for(user: Person, slug: str, deed: Deed) -> Project:
    """Return the project after deciding; raise NotFound for outsiders, Forbidden for the rest."""
    project = Project.objects.filter(slug=slug).first()
    roles = roles_in(user, project) if project else frozenset()
    if project is None or not roles:
        raise NotFound(f"There is no project {slug!r} that you can see.")
    if not _covers(roles, deed):
        held = ", ".join(sorted(roles))
        raise Forbidden(f"Your role here ({held}) does not let you {deed}.")
    return project


def _covers(roles: frozenset[Role], deed: Deed) -> bool:
    return bool(roles & ROLES[deed]) and not roles & BARRED.get(deed, frozenset())
