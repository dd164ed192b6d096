"""The rounds page: the progress of a round, its results, and the engineer's decisions."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from annotation.errors import RoundtruthError
from annotation.models import Project, Round, User
from annotation.permissions import Permission, may, require
from annotation.selectors.rounds.blindness import blindness_of
from annotation.selectors.rounds.decisions import decisions_about
from annotation.selectors.rounds.lookup import may_start, round_of, rounds_of
from annotation.selectors.rounds.sealed import sealed_history, shown_figures, shown_reason
from annotation.selectors.rounds.verdicts import verdict_history
from annotation.selectors.rounds.view import RoundView, round_view
from annotation.services.rounds.decision_table import decide_round
from annotation.services.rounds.planning import plan_round
from annotation.web.plots.round_plots import sealed_plot, verdict_plot
from annotation.web.project_page import project_page, render_page

MAX_LISTED = 50


@project_page(Permission.SEE_ROUNDS)
def rounds(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the newest round and the list of all rounds. An engineer starts the next round here."""
    if request.method == "POST":
        return _start(request, project)
    return _page(request, project, rounds_of(project).first())


@project_page(Permission.SEE_ROUNDS)
def round_page(request: HttpRequest, project: Project, number: int) -> HttpResponse:
    """Show one round, or take the decision that an engineer posted."""
    try:
        shown = round_of(project, number)
    except RoundtruthError as error:
        messages.error(request, error.sentence)
        return redirect("rounds", project.slug)
    if request.method == "POST":
        return _decide(request, project, shown)
    return _page(request, project, shown)


def _page(request: HttpRequest, project: Project, shown: Round | None) -> HttpResponse:
    may_run = may(request.user, Permission.RUN_ROUNDS, project)
    may_see_blindness = may(request.user, Permission.SEE_BLINDNESS, project)
    view = round_view(shown, may_run=may_run) if shown else None
    if request.htmx and view:  # type: ignore[attr-defined]
        return _live(request, project, view)
    context = {
        "view": view,
        "decisions": decisions_about(shown) if shown else (),
        "blindness": blindness_of(shown) if shown and may_see_blindness else None,
        "rounds": [
            (row, shown_figures(row).sealed, shown_reason(row, row.decision_reason))
            for row in rounds_of(project)[:MAX_LISTED]
        ],
        "may_start": may_run and may_start(project),
        "sealed_plot": sealed_plot(sealed_history(project)),
        "verdict_plot": verdict_plot(verdict_history(project)),
    }
    return render_page(request, project, "annotation/rounds.html", active="rounds", context=context)


def _live(request: HttpRequest, project: Project, view: RoundView) -> HttpResponse:
    """Answer the page's poll. When the work ends, reload: plots and buttons change as well."""
    response = render(request, "annotation/_round_live.html", {"project": project, "view": view})
    if not view.is_live:
        response["HX-Refresh"] = "true"
    return response


def _start(request: HttpRequest, project: Project) -> HttpResponse:
    """Start a round with the project's preset."""
    actor = cast("User", request.user)
    try:
        require(actor, Permission.RUN_ROUNDS, project)
        planned = plan_round(project=project, actor=actor)
    except RoundtruthError as error:
        messages.error(request, error.sentence)
        return redirect("rounds", project.slug)
    return redirect("round", project.slug, planned.number)


def _decide(request: HttpRequest, project: Project, shown: Round) -> HttpResponse:
    """Take the posted decision and show the round that it changed."""
    try:
        shown = decide_round(
            name=request.POST.get("verb", ""),
            round=shown,
            actor=cast("User", request.user),
            reason=request.POST.get("reason", ""),
        )
    except RoundtruthError as error:
        messages.error(request, error.sentence)
    return redirect("round", project.slug, shown.number)


urlpatterns = [
    path("p/<slug:slug>/rounds/", rounds, name="rounds"),
    path("p/<slug:slug>/rounds/<int:number>/", round_page, name="round"),
]
