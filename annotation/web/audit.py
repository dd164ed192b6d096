"""The audit pages: what happened in a project for its curators, on the server for staff.

Each page has filters, and downloads as CSV or JSON, which are recorded too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import cast
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from annotation.audit_chain import SERVER
from annotation.formats.audit_export import csv_lines, json_pieces
from annotation.models import Project, User
from annotation.permissions import Permission, may_see_server_audit
from annotation.selectors.audit import (
    PAGE_SIZE,
    VERBS,
    AuditFilter,
    day_of,
    events_of,
    exported,
    head_of,
    iter_events,
)
from annotation.services import audit as audit_service
from annotation.web.project_page import project_page, render_page

_TEXTS = ("who", "what", "target")
_DAYS = ("since", "until")


@require_GET
@project_page(Permission.SEE_AUDIT)
def project_audit(request: HttpRequest, project: Project) -> HttpResponse:
    """Show one page of a project's audit, the newest row first."""
    return render_page(
        request,
        project,
        "annotation/audit.html",
        active="audit",
        context=_context(request, project),
    )


@require_GET
@project_page(Permission.SEE_AUDIT)
def project_export(request: HttpRequest, project: Project, kind: str) -> HttpResponse:
    """Download the rows that the filter leaves."""
    return _export(request, project, kind)


@require_GET
@login_required
def server_audit(request: HttpRequest) -> HttpResponse:
    """Show one page of the server's audit: sign-ins, tokens and accounts, nothing of a project."""
    _require_staff(request)
    return render(request, "annotation/audit.html", _context(request, None))


@require_GET
@login_required
def server_export(request: HttpRequest, kind: str) -> HttpResponse:
    """Download the rows of the server's audit that the filter leaves."""
    _require_staff(request)
    return _export(request, None, kind)


def _require_staff(request: HttpRequest) -> None:
    if not may_see_server_audit(request.user):
        raise Http404("There is no such page that you can see.")


def _context(request: HttpRequest, project: Project | None) -> dict[str, object]:
    chosen, before = _filter(request), request.GET.get("before", "")
    rows = events_of(project, chosen)
    if before.isascii() and before.isdigit() and len(before) < 16:
        rows = rows.filter(sequence__lt=int(before))
    shown = list(rows[: PAGE_SIZE + 1])
    query = {name: value for name in (*_TEXTS, *_DAYS) if (value := request.GET.get(name, ""))}
    return {
        "rows": [{"event": row, "words": _words(row.verb)} for row in shown[:PAGE_SIZE]],
        "older": shown[PAGE_SIZE - 1].sequence if len(shown) > PAGE_SIZE else None,
        "chosen": {name: request.GET.get(name, "") for name in (*_TEXTS, *_DAYS)},
        "query": urlencode(query),
        "head": head_of(project.id if project else None),
        "verbs": VERBS,
        "zone": project.time_zone if project else "UTC",
    }


def _words(verb: str) -> str:
    return VERBS.get(verb, verb.replace("_", " "))


def _filter(request: HttpRequest) -> AuditFilter:
    who, what, target = (request.GET.get(name, "").strip()[:150] for name in _TEXTS)
    since, until = (_day(request.GET.get(name, "")) for name in _DAYS)
    return AuditFilter(who, what, target, since, until)


def _day(text: str) -> date | None:
    """Return the day; None for anything that is not a day, as for an empty field."""
    try:
        return day_of(text)
    except ValueError:
        return None


def _export(request: HttpRequest, project: Project | None, kind: str) -> HttpResponse:
    chosen, head = _filter(request), head_of(project.id if project else None)
    # Recorded before the first byte: an export that is cut off was an export too.
    audit_service.record(
        project=project,
        actor=cast("User", request.user),
        verb="export_audit",
        facts={"format": kind, "rows_until": head.length},
    )
    rows = (exported(event) for event in iter_events(project, chosen, at_most=head.length))
    chain = str(project.id) if project else SERVER
    pieces: Iterator[str] = (
        csv_lines(rows) if kind == "csv" else json_pieces(chain, head.length, head.sha256, rows)
    )
    response = StreamingHttpResponse(
        pieces, content_type="text/csv; charset=utf-8" if kind == "csv" else "application/json"
    )
    name = f"{project.slug if project else SERVER}-audit.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return cast("HttpResponse", response)


urlpatterns = [
    path("audit/", server_audit, name="server-audit"),
    path("audit/export.csv", server_export, {"kind": "csv"}, name="server-audit-csv"),
    path("audit/export.json", server_export, {"kind": "json"}, name="server-audit-json"),
    path("p/<slug:slug>/audit/", project_audit, name="audit"),
    path("p/<slug:slug>/audit/export.csv", project_export, {"kind": "csv"}, name="audit-csv"),
    path("p/<slug:slug>/audit/export.json", project_export, {"kind": "json"}, name="audit-json"),
]
