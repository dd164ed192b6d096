"""The list of projects, a project's overview, and its people."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from annotation.errors import RoundtruthError
from annotation.models import Membership, Project, User
from annotation.permissions import ROLES, Permission, may
from annotation.selectors import overview
from annotation.selectors.reading import worklist
from annotation.services.projects import add_member, remove_member
from annotation.web.pages import project_page, render_page

_WAITING = (
    ("pick", "Stage I picks", "blind: the manual mask and the networks' masks, unlabelled"),
    ("seed", "Seed reads", "drawn by hand, no proposals"),
    ("read", "Proposals to judge", "pick, correct or redraw"),
    ("sealed", "Sealed reads", "drawn by hand, never with proposals"),
)


@login_required
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "annotation/home.html", {"rows": overview.home_rows(request.user)})


@project_page(Permission.SEE_PROJECT)
def project_overview(request: HttpRequest, project: Project) -> HttpResponse:
    user = cast("User", request.user)
    may_read = may(user, Permission.READ_CASES, project)
    counts = worklist.waiting_counts(project=project, reader=user) if may_read else {}
    context = {
        "figures": overview.headline_figures(project),
        "stage_sentence": overview.stage_sentence(project),
        "may_read": may_read,
        "waiting": [
            {"name": name, "how": how, "count": counts.get(purpose, 0)}
            for purpose, name, how in _WAITING
        ],
        "verdicts": overview.verdict_rows(project)
        if may(user, Permission.SEE_ROUNDS, project)
        else [],
    }
    return render_page(
        request, project, "annotation/project.html", active="project", context=context
    )


@project_page(Permission.MANAGE_PEOPLE)
def people(request: HttpRequest, project: Project) -> HttpResponse:
    if request.method == "POST":
        _change_people(request, project)
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


def _change_people(request: HttpRequest, project: Project) -> None:
    username, role = request.POST.get("username", ""), request.POST.get("role", "")
    user = User.objects.filter(username=username).first()
    if user is None:
        messages.error(
            request, f"There is no account named {username!r}; an administrator makes accounts."
        )
        return
    change = remove_member if request.POST.get("verb") == "remove" else add_member
    try:
        change(project=project, user=user, role=role, actor=cast("User", request.user))
    except RoundtruthError as error:
        messages.error(request, error.sentence)


urlpatterns = [
    path("", home, name="home"),
    path("p/<slug:slug>/", project_overview, name="project"),
    path("p/<slug:slug>/people/", people, name="people"),
]
