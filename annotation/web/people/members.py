"""The people page: a curator adds members, removes roles, and may declare the project open."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from annotation.errors import Invalid, RoundtruthError
from annotation.models import Membership, Project, User
from annotation.permissions import ROLES, Permission
from annotation.services.members import add_member, open_project, remove_member
from annotation.web.project_page import project_page, render_page


@project_page(Permission.MANAGE_PEOPLE)
def people(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the members and their roles, or change a role as the form asks."""
    if request.method == "POST":
        _change_members(request, project)
        return redirect("people", project.slug)
    members = project.memberships.select_related("user").order_by("role", "user__username")[:500]
    context = {
        "members": [
            {
                "user": row.user,
                "role": row.role,
                "permissions": [
                    permission.value for permission, roles in ROLES.items() if row.role in roles
                ],
            }
            for row in members
        ],
        "roles": Membership.Role.values,
    }
    return render_page(request, project, "annotation/people.html", active="people", context=context)


def _change_members(request: HttpRequest, project: Project) -> None:
    actor = cast("User", request.user)
    try:
        if request.POST.get("verb") == "open":
            _open(project, actor, confirmed=request.POST.get("confirm", ""))
            return
        change = remove_member if request.POST.get("verb") == "remove" else add_member
        user = _account(request.POST.get("username", ""))
        change(project=project, user=user, role=request.POST.get("role", ""), actor=actor)
    except RoundtruthError as error:
        messages.error(request, error.sentence)


def _open(project: Project, actor: User, *, confirmed: str) -> None:
    if confirmed.strip() != project.slug:
        raise Invalid(
            f"The project stays as it is: type {project.slug} to declare it open.", field="confirm"
        )
    open_project(project=project, actor=actor)


def _account(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise Invalid(
            f"There is no account named {username!r}. An administrator creates accounts.",
            field="username",
        )
    return user


urlpatterns = [path("p/<slug:slug>/people/", people, name="people")]
