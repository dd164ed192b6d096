"""Give and take project roles by the claims of a sign-on provider."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from annotation.errors import RoundtruthError
from annotation.models import Membership, Project, User
from annotation.services.members import add_member, remove_member
from annotation.sign_on import RoleGrant

logger = logging.getLogger(__name__)


def apply_grants(
    *, user: User, grants: Iterable[RoleGrant], claims: Mapping[str, object]
) -> list[str]:
    """Give the roles that the claims name, take the others that `grants` names.

    A role that no grant names stays as it is. Return a sentence for each role that was refused.
    """
    wanted: dict[tuple[str, str], bool] = {}
    for grant in grants:
        key = (grant.project, grant.role)
        wanted[key] = wanted.get(key, False) or grant.value in claim_values(claims, grant.claim)
    refusals = []
    # Roles are taken first: a project may refuse two roles together.
    for (slug, role), has_claim in sorted(wanted.items(), key=lambda item: item[1]):
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            logger.warning("A sign-on provider gives a role in an unknown project: %r.", slug)
            continue
        has_role = Membership.objects.filter(project=project, user=user, role=role).exists()
        if has_role == has_claim:
            continue
        change = add_member if has_claim else remove_member
        try:
            change(project=project, user=user, role=role, actor=None)
        except RoundtruthError as error:
            refusals.append(error.sentence)
    return refusals


def claim_values(claims: Mapping[str, object], name: str) -> frozenset[str]:
    """Return the texts of a claim. `a.b` is the claim named so, otherwise `b` inside `a`."""
    value: object = claims.get(name)
    if value is None and "." in name:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list):
        return frozenset(item for item in value if isinstance(item, str))
    return frozenset()
