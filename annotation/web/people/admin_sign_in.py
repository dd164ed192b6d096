"""The admin has no sign-in page and no password page of its own: both lead to the account pages.

Every check of a password is then in one place, with its delays and its second factor.
"""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a stranger to the sign-in page and an administrator to the admin."""
    target = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(target)
    if request.user.is_staff:
        return redirect(target)
    raise PermissionDenied(
        "Your account may not use the administration. Ask an administrator, or sign out and sign "
        "in with another account."
    )


def admin_password(request: HttpRequest) -> HttpResponse:
    """Send a person who wants to change their own password to the account page for it."""
    return redirect("account_change_password")


urlpatterns = [
    path("login/", admin_sign_in),
    path("password_change/", admin_password),
]
