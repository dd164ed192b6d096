"""The account page, where people manage their API tokens."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from annotation.errors import RoundtruthError
from annotation.models import User
from annotation.services.tokens import create_token, live_tokens, revoke_token


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show the person's tokens, create a token and show its text once, or revoke a token."""
    user = cast(User, request.user)
    new_token = ""
    if request.method == "POST":
        try:
            if request.POST.get("verb") == "revoke":
                revoke_token(user=user, token=request.POST.get("token", ""))
                return redirect("account")
            days = request.POST.get("days", "")
            _, new_token = create_token(
                user=user,
                name=request.POST.get("name", ""),
                scope=request.POST.get("scope", ""),
                days=int(days) if days.isascii() and days.isdigit() and len(days) < 9 else 0,
            )
        except RoundtruthError as error:
            messages.error(request, error.sentence)
            return redirect("account")
    tokens = live_tokens(user).order_by("-created_at")[:100]
    context = {
        "tokens": tokens,
        "new_token": new_token,
        "has_sign_on": bool(settings.SIGN_ON_PROVIDERS),
    }
    response = render(request, "annotation/account.html", context)
    response["Cache-Control"] = "no-store"
    return response


urlpatterns = [path("account/", account, name="account")]
