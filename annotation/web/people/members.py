"""The people page, where a curator adds members to a project and removes their roles."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from annotation.errors import RoundtruthError
from annotation.models import Membership, Project, User
from annotation.permissions import ROLES, Permission
from annotation.services.projects import add_member, remove_member
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
    username, role = request.POST.get("username", ""), request.POST.get("role", "")
    user = User.objects.filter(username=username).first()
    if user is None:
        messages.error(
            request, f"There is no account named {username!r}. An administrator creates accounts."
        )
        return
    change = remove_member if request.POST.get("verb") == "remove" else add_member
    try:
        change(project=project, user=user, role=role, actor=cast("User", request.user))
    except RoundtruthError as error:
        messages.error(request, error.sentence)


urlpatterns = [path("p/<slug:slug>/people/", people, name="people")]
