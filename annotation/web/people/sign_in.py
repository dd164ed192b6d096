"""The sign-in rules: nobody can register, and demo accounts work only on loopback."""

from __future__ import annotations

from typing import cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from annotation.models import User


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Refuse registration: an administrator creates accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        del request
        return False


class AccountBackend(AuthenticationBackend):  # type: ignore[misc]
    """Refuse demo accounts on a public server, since their passwords were printed on a terminal."""

    def user_can_authenticate(self, user: AbstractBaseUser | None) -> bool:
        if settings.IS_PUBLIC and cast("User", user).email.endswith(settings.DEMO_EMAIL):
            return False
        return bool(super().user_can_authenticate(user))
