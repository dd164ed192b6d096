"""The plan page: choose a preset, edit the plan, estimate its cost, start the round."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from annotation.errors import NotFound, RoundtruthError
from annotation.models import PlanEstimate, Project, User
from annotation.permissions import Permission
from annotation.selectors.rounds.lookup import may_start
from annotation.selectors.rounds.plans import estimate_of, parse_plan_text, preset_text
from annotation.services.rounds.estimates import request_estimate
from annotation.services.rounds.planning import plan_round
from annotation.web.project_page import project_page, render_page
from mlloop.contract.presets import PRESETS


@project_page(Permission.RUN_ROUNDS)
def round_plan(request: HttpRequest, project: Project) -> HttpResponse:
    """Show a preset's plan for editing. Estimate the cost of a posted plan, or start its round."""
    if request.method == "POST":
        return _estimate_or_start(request, project, request.POST.get("plan", ""))
    name = request.GET.get("preset", project.preset)
    try:
        return _form(request, project, text=preset_text(name), chosen=name)
    except RoundtruthError as error:
        return _form(request, project, text="", error=error)


def _estimate_or_start(request: HttpRequest, project: Project, text: str) -> HttpResponse:
    actor = cast("User", request.user)
    try:
        plan = parse_plan_text(text)
        if request.POST.get("verb") == "start":
            started = plan_round(project=project, actor=actor, plan=plan)
            return redirect("round", project.slug, started.number)
        estimate = request_estimate(project=project, actor=actor, plan=plan)
    except RoundtruthError as error:
        return _form(request, project, text=text, error=error)
    return _form(request, project, text=text, chosen=plan.preset, estimate=estimate)


def _form(
    request: HttpRequest,
    project: Project,
    *,
    text: str,
    chosen: str = "",
    error: RoundtruthError | None = None,
    estimate: PlanEstimate | None = None,
) -> HttpResponse:
    context = {
        "text": text,
        "presets": list(PRESETS),
        "chosen": chosen,
        "error": error,
        "may_start": may_start(project),
        **(_estimate_context(estimate) if estimate else {}),
    }
    return render_page(
        request,
        project,
        "annotation/round_plan.html",
        active="rounds",
        context=context,
        status=422 if error else 200,
    )


@project_page(Permission.RUN_ROUNDS)
def plan_estimate(request: HttpRequest, project: Project, estimate_id: UUID) -> HttpResponse:
    """Answer the page's poll for an estimate."""
    try:
        estimate = estimate_of(project, estimate_id)
    except NotFound as error:
        raise Http404(error.sentence) from None
    context = {"project": project, **_estimate_context(estimate)}
    return render(request, "annotation/_plan_estimate.html", context)


def _estimate_context(estimate: PlanEstimate) -> dict[str, object]:
    context: dict[str, object] = {
        "estimate": estimate,
        "is_waiting": estimate.state in (PlanEstimate.State.DUE, PlanEstimate.State.RUNNING),
    }
    if estimate.state != PlanEstimate.State.DONE:
        return context
    result = estimate.result
    training = result["seconds_training"] / settings.TRAIN_SLOTS
    costs = {cost["network"]: cost for cost in result["networks"]}
    n_members = estimate.manifest["k"] * len(costs)
    return context | {
        "rows": [
            (key, _duration(seconds), costs[key]["parameters"], costs[key]["bytes"])
            for key, seconds in result["seconds_members"].items()
        ],
        "training": _duration(training),
        "proposing": _duration(result["seconds_proposing"]),
        "total": _duration(training + result["seconds_proposing"]),
        "n_members": n_members,
        "slots": settings.TRAIN_SLOTS,
        "memory": result["bytes"] * min(settings.TRAIN_SLOTS, n_members),
    }


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


urlpatterns = [
    path("p/<slug:slug>/rounds/plan/", round_plan, name="round_plan"),
    path(
        "p/<slug:slug>/rounds/plan/estimates/<uuid:estimate_id>/",
        plan_estimate,
        name="plan_estimate",
    ),
]
