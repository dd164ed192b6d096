"""The page with a person's sessions, and the end of a session that nobody uses.

A request counts as activity unless it has the header `X-Background`, which pages send with
requests that they repeat by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from annotation.models import User

SEEN_KEY = "seen_at"
# One write a minute is exact enough for a limit of minutes.
_WRITE_EVERY_SECONDS = 60.0


class IdleTimeoutMiddleware:
    """End a session without activity: its row in the database is deleted, not only a cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        limit = settings.IDLE_TIMEOUT.total_seconds()
        if limit and settings.SESSION_COOKIE_NAME in request.COOKIES:
            self._check(request, limit)
        return self.get_response(request)

    def _check(self, request: HttpRequest, limit: float) -> None:
        if SESSION_KEY not in request.session:
            return
        now = time.time()
        seen_at = request.session.get(SEEN_KEY)
        if seen_at is not None and now - seen_at > limit:
            UserSession.objects.filter(session_key=request.session.session_key).delete()
            logout(request)
            minutes = round(limit / 60)
            messages.info(request, f"You were signed out after {minutes} minutes without activity.")
        elif seen_at is None or (
            "X-Background" not in request.headers
            and now - seen_at > min(_WRITE_EVERY_SECONDS, limit / 10)
        ):
            request.session[SEEN_KEY] = now
            rows = UserSession.objects.filter(session_key=request.session.session_key)
            rows.update(last_seen_at=timezone.now())


@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """Show the person's sessions, end one of them, or end all others."""
    user = cast("User", request.user)
    own_key = request.session.session_key
    if not UserSession.objects.filter(session_key=own_key).exists():
        UserSession.objects.create_from_request(request)
    rows = sorted(UserSession.objects.purge_and_list(user), key=lambda row: row.created_at)
    others = [row for row in rows if row.session_key != own_key]
    if request.method == "POST":
        chosen = request.POST.get("session", "")
        ended = [row for row in others if chosen in ("others", str(row.pk))]
        get_adapter().end_sessions(ended)
        plural = "" if len(ended) == 1 else "s"
        messages.success(request, f"{len(ended)} session{plural} ended.")
        return redirect("sessions")
    context = {"rows": rows, "own_key": own_key, "has_others": bool(others)}
    response = render(request, "usersessions/sessions.html", context)
    response["Cache-Control"] = "no-store"
    return response
