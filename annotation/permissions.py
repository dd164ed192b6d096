"""The permissions of each role in a project. No other module decides them.

For a person outside a project, the project does not exist (404). A member whose roles do not have
the permission is refused (403).
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from annotation.errors import Forbidden, NotFound
from annotation.models import Membership, Project, User

Role = Membership.Role


class Permission(StrEnum):
    """An action that a role may allow. Each endpoint and each page asks for exactly one."""

    SEE_PROJECT = "see the project"
    SEE_IMAGES = "see the images"
    IMPORT = "import images"
    READ_CASES = "read cases"
    SEE_ROUNDS = "see the rounds"
    RUN_ROUNDS = "run rounds"
    SEE_WORST = "see proposals beside their references"
    SEE_BLINDNESS = "see how well blind picks hide the drawn mask"
    SEE_RELEASES = "see the releases"
    MAKE_RELEASES = "make releases"
    SEE_SEALED_IMAGES = "see sealed images"
    DOWNLOAD_SEALED = "download the sealed part of a release"
    OPEN_SEALED = "open the sealed part of a release"
    WITHDRAW = "withdraw images"
    MANAGE_PEOPLE = "manage people"
    REASSIGN = "reassign cases"
    SEE_LOST_DRAFTS = "see masks whose save was refused"
    SEE_AUDIT = "see the audit"


ALL = frozenset(Role)
_STAFF = frozenset({Role.CURATOR, Role.ENGINEER, Role.VIEWER})
ROLES: dict[Permission, frozenset[Role]] = {
    Permission.SEE_PROJECT: ALL,
    # Readers see cases, not the list: file names, sources and groups would unblind them.
    Permission.SEE_IMAGES: _STAFF,
    Permission.IMPORT: frozenset({Role.CURATOR}),
    Permission.READ_CASES: frozenset({Role.READER, Role.ADJUDICATOR}),
    Permission.SEE_ROUNDS: _STAFF,
    Permission.RUN_ROUNDS: frozenset({Role.ENGINEER}),
    Permission.SEE_WORST: frozenset({Role.CURATOR, Role.ENGINEER}),
    Permission.SEE_BLINDNESS: frozenset({Role.CURATOR}),
    # Readers see no release: its manifest names group, reader and verdict of blind reads.
    Permission.SEE_RELEASES: _STAFF,
    Permission.MAKE_RELEASES: frozenset({Role.CURATOR}),
    # Whoever trains networks may see neither the sealed films nor their masks.
    Permission.SEE_SEALED_IMAGES: frozenset({Role.CURATOR}),
    Permission.DOWNLOAD_SEALED: frozenset({Role.CURATOR}),
    Permission.OPEN_SEALED: frozenset({Role.CURATOR}),
    Permission.WITHDRAW: frozenset({Role.CURATOR}),
    Permission.MANAGE_PEOPLE: frozenset({Role.CURATOR}),
    Permission.REASSIGN: frozenset({Role.CURATOR}),
    Permission.SEE_LOST_DRAFTS: frozenset({Role.CURATOR}),
    Permission.SEE_AUDIT: frozenset({Role.CURATOR}),
}

# Who reads and who sees. A person who sees images, rounds or releases of a project learns names,
# groups and other people's masks of the very cases that they may read.
READING = ROLES[Permission.READ_CASES]
SEEING = ROLES[Permission.SEE_IMAGES]

# A person with one of these roles never has the permission, whatever other roles they have: they
# may get the same image later as a blind read, or train the networks that the masks judge.
BARRED: dict[Permission, frozenset[Role]] = {
    Permission.SEE_WORST: frozenset({Role.READER, Role.ADJUDICATOR}),
    Permission.SEE_BLINDNESS: frozenset({Role.READER, Role.ADJUDICATOR}),
    Permission.SEE_SEALED_IMAGES: frozenset({Role.ENGINEER}),
    Permission.DOWNLOAD_SEALED: frozenset({Role.ENGINEER}),
    Permission.OPEN_SEALED: frozenset({Role.ENGINEER}),
}

Person = User | AnonymousUser


def projects_of(user: Person) -> QuerySet[Project]:
    """Return the projects of which `user` is a member."""
    if user.pk is None:
        return Project.objects.none()
    return Project.objects.filter(memberships__user_id=user.pk).distinct()


def held_roles(user: Person, project: Project) -> frozenset[Role]:
    """Return the roles in the rows of `user` in `project`, whether or not they may be used."""
    if user.pk is None:
        return frozenset()
    rows = Membership.objects.filter(project=project, user_id=user.pk)
    return frozenset(Role(role) for role in rows.values_list("role", flat=True))


def roles_in(user: Person, project: Project) -> frozenset[Role]:
    """Return the roles that `user` can use in `project`; empty for an outsider.

    Services never give one person reading and seeing roles in a project that is not open. If the
    rows say so nevertheless, only the reading roles count: blind stays blind.
    """
    roles = held_roles(user, project)
    return roles & READING if mixes_roles(roles) and not project.is_open else roles


def mixes_roles(roles: frozenset[Role]) -> bool:
    """Return whether these roles let one person both read cases and see images."""
    return bool(roles & READING) and bool(roles & SEEING)


def may_see_server_audit(user: Person) -> bool:
    """Return whether `user` sees who signed in on this server. It has no row of a project."""
    return bool(user.is_active and user.is_staff)


def projects_hidden_from(user: Person) -> QuerySet[Project]:
    """Return the projects whose cases `user` sees on no page of the administration.

    An administrator who reads in a project is a reader there, and nothing else.
    """
    if user.pk is None:
        return Project.objects.none()
    return Project.objects.filter(
        opened_at=None, memberships__user_id=user.pk, memberships__role__in=READING
    ).distinct()


def projects_with_sealed_rows_for(user: Person) -> QuerySet[Project]:
    """Return the projects whose sealed images `user` may see in the administration.

    These are the projects in which the person has SEE_SEALED_IMAGES. A superuser needs it, too.
    """
    if user.pk is None:
        return Project.objects.none()
    permission = Permission.SEE_SEALED_IMAGES
    own = Membership.objects.filter(user_id=user.pk)
    return Project.objects.filter(
        pk__in=own.filter(role__in=ROLES[permission]).values("project")
    ).exclude(
        Q(pk__in=own.filter(role__in=BARRED[permission]).values("project"))
        | Q(pk__in=projects_hidden_from(user).values("pk"))
    )


def may(user: Person, permission: Permission, project: Project) -> bool:
    """Return whether `user` has `permission` in `project`."""
    return _is_allowed(roles_in(user, project), permission)


def require(user: Person, permission: Permission, project: Project) -> None:
    """Raise NotFound for a person outside the project, Forbidden for a role that may not do it."""
    roles = roles_in(user, project)
    if not roles:
        raise _unknown_project(project.slug)
    if not _is_allowed(roles, permission):
        held = ", ".join(sorted(roles))
        raise Forbidden(f"Your role here ({held}) does not let you {permission}.")


def may_change_account(actor: Person, account: User) -> bool:
    """Return whether `actor`, an administrator, may change an account and its password.

    Whoever sets a password can sign in with it. So a superuser may change every account. Other
    administrators may change an account without administration rights, and only if they are
    curator of each project of which it is a member.
    """
    if actor.is_superuser:
        return True
    if actor.pk is None or account.is_superuser or account.is_staff:
        return False
    curated = Membership.objects.filter(user_id=actor.pk, role=Role.CURATOR)
    elsewhere = Membership.objects.filter(user=account).exclude(
        project__in=curated.values("project")
    )
    return not elsewhere.exists()


def project_for(user: Person, slug: str, permission: Permission) -> Project:
    """Return the project if `user` has `permission` in it; raise NotFound or Forbidden if not."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise _unknown_project(slug)
    require(user, permission, project)
    return project


def has_second_factor(user: User) -> bool:
    """Return whether the account has an authenticator app or a passkey."""
    factors = Authenticator.objects.filter(user_id=user.pk)
    return bool(factors.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


def lacks_second_factor(user: User, *, signed_on_with: Collection[str] = ()) -> bool:
    """Return whether `user` must have a second factor and has none. Then nothing may be shown.

    `signed_on_with` are the sign-on providers of the session. A provider may check the second
    factor itself.
    """
    names = settings.SECOND_FACTOR_ROLES
    if not names:
        return False
    if any(p.checks_second_factor and p.id in signed_on_with for p in settings.SIGN_ON_PROVIDERS):
        return False
    is_staff = "staff" in names and (user.is_staff or user.is_superuser)
    if not is_staff and not Membership.objects.filter(user_id=user.pk, role__in=names).exists():
        return False
    return not has_second_factor(user)


def _unknown_project(slug: str) -> NotFound:
    return NotFound(f"There is no project {slug!r} that you can see.")


def _is_allowed(roles: frozenset[Role], permission: Permission) -> bool:
    return bool(roles & ROLES[permission]) and not roles & BARRED.get(permission, frozenset())
