"""Create, use and revoke API tokens. Only the hash is stored, so a token is shown once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone

from annotation.errors import Invalid, NotFound
from annotation.models import ApiToken, User
from annotation.services import audit

PREFIX = "rt_"
MAX_DAYS = 365
MAX_TOKENS = 50
_SEEN_EVERY = timedelta(minutes=1)


def create_token(
    *, user: User, name: str, scope: str, days: int | None = None
) -> tuple[ApiToken, str]:
    """Create a token that expires after `days`; return its row and its text.

    Raises Invalid for wrong days, name or scope, or if the user has too many tokens.
    """
    days = settings.TOKEN_LIFETIME.days if days is None else days
    if not 1 <= days <= MAX_DAYS:
        raise Invalid(f"A token lasts from 1 to {MAX_DAYS} days.", field="days")
    if not name.strip() or len(name) > 100:
        raise Invalid("Give the token a name of at most 100 letters.", field="name")
    if scope not in ApiToken.Scope.values:
        raise Invalid("The scope is read or write.", field="scope")
    if live_tokens(user).count() >= MAX_TOKENS:
        raise Invalid(f"You have {MAX_TOKENS} tokens; revoke one first.", field="name")
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name.strip(),
        sha256=_digest(text),
        scope=scope,
        expires_at=timezone.now() + timedelta(days=days),
        password_mark=user.password_mark,
    )
    audit.record(
        project=None, actor=user, verb="create_token", target=token.id, facts={"scope": scope}
    )
    return token, text


def revoke_token(*, user: User, token: UUID | str) -> None:
    """Delete one of the user's own tokens; raise NotFound for any other."""
    try:
        deleted, _ = ApiToken.objects.filter(user=user, id=token).delete()
    except ValidationError:
        deleted = 0
    if not deleted:
        raise NotFound("You have no such token.")
    audit.record(project=None, actor=user, verb="revoke_token", target=token)


def live_tokens(user: User) -> QuerySet[ApiToken]:
    """Return the tokens of `user` that have not ended by their date or by a new password."""
    return ApiToken.objects.filter(
        user=user, expires_at__gt=timezone.now(), password_mark=user.password_mark
    )


def use_token(text: str) -> ApiToken | None:
    """Return the live token with this text, of an account that may sign in; record the use.

    A changed password ends every token. A public server refuses the tokens of demo accounts.
    """
    now = timezone.now()
    token = (
        ApiToken.objects.filter(sha256=_digest(text), expires_at__gt=now, user__is_active=True)
        .select_related("user")
        .first()
    )
    if token is None or token.password_mark != token.user.password_mark:
        return None
    if settings.IS_PUBLIC and token.user.is_demo:
        return None
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _SEEN_EVERY)  # one write a minute
    if token.last_used_at is None or token.last_used_at < now - _SEEN_EVERY:
        ApiToken.objects.filter(stale, id=token.id).update(last_used_at=now)
    return token


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
