"""Changing one's password, and the form that asks for a link to choose a new one."""

from __future__ import annotations

from typing import cast

from allauth.account import forms as account_forms
from allauth.account import views as account
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from annotation.models import User


@login_required
def change_password(request: HttpRequest) -> HttpResponse:
    """Show allauth's form, unless the account has no password to change."""
    if not cast("User", request.user).has_usable_password():
        messages.info(request, "Your account has no password: you sign in by your sign-on.")
        return redirect("account")
    return cast("HttpResponse", account.password_change(request))


class ResetPasswordForm(account_forms.ResetPasswordForm):  # type: ignore[misc]
    """Send no link to an account without a password: a service, or somebody with a sign-on."""

    users: list[User]

    def clean_email(self) -> str:
        email = str(super().clean_email())
        self.users = [user for user in self.users if user.has_usable_password()]
        return email
