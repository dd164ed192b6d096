"""/healthz says whether the server works; /metrics counts rows. Neither names a person."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from annotation import storage
from annotation.addresses import is_loopback
from annotation.models import Annotation, Assignment, EnsembleMember, Intake, Round


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 if the database responds and files can be stored, otherwise 503."""
    problems = [name for name, check in _CHECKS.items() if not check()]
    response = JsonResponse(
        {"status": "failing" if problems else "ok", "failing": problems},
        status=503 if problems else 200,
    )
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return row counts in the Prometheus text format; 404 for a caller without permission."""
    if not _may_scrape(request):
        raise Http404
    lines = [
        "# TYPE roundtruth_rows gauge",
        *_count_lines("assignment", Assignment, "state"),
        *_count_lines("annotation", Annotation, "verdict"),
        *_count_lines("round", Round, "state"),
        *_count_lines("ensemble_member", EnsembleMember, "state"),
        *_count_lines("intake", Intake, "state"),
    ]
    response = HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")
    response["Cache-Control"] = "no-store"
    return response


def _database_responds() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except DatabaseError:
        return False


def _files_can_be_stored() -> bool:
    try:
        storage.probe()
    except OSError:
        return False
    return True


_CHECKS = {"database": _database_responds, "storage": _files_can_be_stored}


def _may_scrape(request: HttpRequest) -> bool:
    """Return whether the caller has the token or, if no token is set, is on this machine."""
    sent_token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.METRICS_TOKEN:
        return secrets.compare_digest(sent_token.encode(), settings.METRICS_TOKEN.encode())
    # Behind a proxy on this machine every caller seems local, so a public server needs the token.
    is_direct = not settings.IS_PUBLIC and "X-Forwarded-For" not in request.headers
    return is_direct and is_loopback(request.META.get("REMOTE_ADDR", ""))


def _count_lines(
    name: str,
    model: type[Assignment | Annotation | Round | EnsembleMember | Intake],
    by: str,
) -> list[str]:
    counted = model._default_manager.order_by().values_list(by).annotate(n=Count("pk"))
    return [f'roundtruth_rows{{kind="{name}",{by}="{value}"}} {n}' for value, n in sorted(counted)]


class MachineEndpointsMiddleware:
    """Answer /healthz and /metrics before the Host header is checked.

    Container checks and scrapers name the machine by its address. Neither answer uses the Host
    header.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.views: dict[str, Callable[[HttpRequest], HttpResponse]] = {
            "/healthz": healthz,
            "/metrics": metrics,
        }

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = self.views.get(request.path_info, self.get_response)
        return view(request)


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
]
