"""Who is asking."""

from __future__ import annotations

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from annotation.models import User


def person(request: Request) -> User:
    """Return the account behind a request that passed authentication."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user
