"""The evaluation report of a round, and the overlay images that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from annotation.errors import NotFound
from annotation.models import Project, User
from annotation.permissions import Permission, may
from annotation.selectors.images import image_of
from annotation.selectors.rounds.lookup import round_of
from annotation.selectors.rounds.reports import shown_report, worst_case_overlay
from annotation.selectors.rounds.sealed import sealed_history
from annotation.services.sightings import record_sighting
from annotation.web.plots.geometry import Plot
from annotation.web.plots.report_plots import learning_curve_plot, reliability_plot, roc_plot
from annotation.web.plots.round_plots import sealed_plot
from annotation.web.project_page import project_page, render_page

Plain = Mapping[str, object]


@require_GET
@project_page(Permission.SEE_ROUNDS)
def round_report(request: HttpRequest, project: Project, number: int) -> HttpResponse:
    """Show the report of a round; 404 if the round was not measured."""
    may_see_worst = may(request.user, Permission.SEE_WORST, project)
    try:
        round = round_of(project, number)
        report = shown_report(round, may_see_worst=may_see_worst)
    except NotFound as error:
        raise Http404(error.sentence) from None
    sealed = cast("Plain", report["sealed"])
    detection = cast("Plain | None", sealed.get("detection"))
    calibration = cast("Plain", report["calibration"] or {})
    curves = cast("Sequence[Plain]", report["learning_curves"])
    history = [point for point in sealed_history(project) if point.number <= number]
    context = {
        "round": round,
        "report": report,
        "sections": (("Sealed set", sealed), ("Out of fold", report["out_of_fold"])),
        "activation": activation_tables(report),
        "may_see_worst": may_see_worst,
        "sealed_plot": sealed_plot(history),
        "roc_plot": roc_plot(detection, label=f"any pixel, p ≥ {report['t8']}/255")
        if detection
        else None,
        "reliability_plots": _reliability_plots(sealed, calibration),
        "curve_plots": [
            (name, plot)
            for name, field in (("Loss", "loss"), ("Dice on the inner split", "inner_dice"))
            if (plot := learning_curve_plot(curves, field, name))
        ],
    }
    return render_page(request, project, "annotation/report.html", active="rounds", context=context)


@require_GET
@project_page(Permission.SEE_WORST)
def round_overlay(
    request: HttpRequest, project: Project, number: int, image_id: UUID
) -> HttpResponse:
    """Return a worst case as a PNG with the outlines of reference and proposal."""
    try:
        data = worst_case_overlay(round_of(project, number), image_id)
        shown = image_of(project=project, image_id=image_id)
    except NotFound as error:
        raise Http404(error.sentence) from None
    record_sighting(image=shown, viewer=cast("User", request.user))
    return HttpResponse(data, content_type="image/png")


def activation_tables(report: Plain) -> list[Plain]:
    """Return the results of each classifier; `rows` pairs the ensemble's metrics with its map's."""
    out_of_fold = cast("Plain", report["out_of_fold"])
    of_ensemble = cast("Sequence[Plain]", out_of_fold["pixels"])
    classifiers = cast("Mapping[str, Plain]", report["activation"])
    return [
        {**results, "network": network, "rows": list(zip(of_ensemble, of_map, strict=True))}
        for network, results in classifiers.items()
        if (of_map := cast("Sequence[Plain]", results.get("pixels", ())))
    ]


def _reliability_plots(sealed: Plain, calibration: Plain) -> list[tuple[str, Plain, Plot]]:
    """Return each measured reliability: its name, its figures and its plot."""
    measured = [("out of fold", calibration.get("before"))]
    if calibration.get("temperature") not in (None, 1.0):
        chosen_on = "the other folds" if calibration.get("crossed") else "these same images"
        name = f"out of fold, with the temperature chosen on {chosen_on}"
        measured.append((name, calibration.get("after")))
    measured.append(("sealed set", sealed.get("reliability")))
    plots = []
    for name, value in measured:
        reliability = cast("Plain | None", value)
        plot = reliability_plot(name, reliability)
        if reliability and plot:
            plots.append((name, reliability, plot))
    return plots


_REPORT = "p/<slug:slug>/rounds/<int:number>/report/"
urlpatterns = [
    path(_REPORT, round_report, name="round_report"),
    path(f"{_REPORT}overlays/<uuid:image_id>/", round_overlay, name="round_overlay"),
]
