"""The list of a person's projects, and the overview of one project."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from annotation.models import Project, User
from annotation.permissions import Permission, may
from annotation.selectors import overview
from annotation.selectors.reading import worklist
from annotation.web.project_page import project_page, render_page

_WAITING = (
    (
        "pick",
        "Stage I picks",
        "Pick the best mask. You do not see which person or network made each mask.",
    ),
    ("seed", "Seed reads", "Draw the mask by hand. You see no proposal."),
    ("read", "Proposals to judge", "Pick a proposal, correct it, or draw the mask yourself."),
    ("sealed", "Sealed reads", "Draw the mask by hand. These cases never have proposals."),
)


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show the projects of the signed-in person."""
    return render(request, "annotation/home.html", {"rows": overview.home_rows(request.user)})


@project_page(Permission.SEE_PROJECT)
def project_overview(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the figures of a project, the cases that wait for the person, and the verdicts."""
    user = cast("User", request.user)
    may_read = may(user, Permission.READ_CASES, project)
    counts = worklist.waiting_counts(project=project, reader=user) if may_read else {}
    context = {
        "figures": overview.headline_figures(project),
        "stage_sentence": overview.stage_sentence(project),
        "may_read": may_read,
        "waiting": [
            {"name": name, "instruction": instruction, "count": counts.get(purpose, 0)}
            for purpose, name, instruction in _WAITING
        ],
        "verdicts": overview.verdict_rows(
            project, with_sealed=may(user, Permission.SEE_SEALED_IMAGES, project)
        )
        if may(user, Permission.SEE_ROUNDS, project)
        else [],
    }
    return render_page(
        request, project, "annotation/project.html", active="project", context=context
    )


urlpatterns = [
    path("", home, name="home"),
    path("p/<slug:slug>/", project_overview, name="project"),
]
