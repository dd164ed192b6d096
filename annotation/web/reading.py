"""The reading page: a template with the editor's configuration. The editor uses the API."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import path

from annotation.models import Project, User
from annotation.permissions import Permission
from annotation.selectors.reading.last_cases import reopened_case_id
from annotation.web.project_page import project_page


@project_page(Permission.READ_CASES)
def read(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the reading room, which fetches its cases through the API."""
    user = cast(User, request.user)
    config = {
        "project": project.slug,
        "projectName": project.name,
        "reader": user.get_full_name() or user.username,
        "account": user.username,
        "apiBase": "/api/v1",
        "csrf": get_token(request),
        "guideline": project.guideline,
        "reopened": reopened_case_id(project=project, reader=user),
        "signInUrl": f"{settings.LOGIN_URL}?next={request.path}",
        "testHandle": settings.SHOWS_TEST_HANDLE,
    }
    return render(request, "annotation/read.html", {"project": project, "config": config})


urlpatterns = [path("p/<slug:slug>/read/", read, name="read")]
