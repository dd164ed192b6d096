"""What Django shows when no view could answer: a page with a sentence, or for the API a problem."""

from __future__ import annotations

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import page_not_found

from annotation.api.errors import problem, problem_of
from annotation.api.failures import BUG, UNREADABLE, Failure, outside_failure


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that could not be read."""
    return _answer(request, outside_failure(exception) or UNREADABLE)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that no path matches."""
    if _is_api(request):
        sentence = "The API has no such path; /api/v1/docs/ lists all paths."
        return problem(HTTPStatus.NOT_FOUND, code="not_found", detail=sentence)
    return page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error that no view handled; a full disk is told from a bug."""
    return _answer(request, outside_failure(sys.exc_info()[1]) or BUG)


def _answer(request: HttpRequest, failure: Failure) -> HttpResponse:
    if _is_api(request):
        return problem_of(failure)
    # Without the request: its context would ask the database who is signed in.
    template = "500.html" if failure.status >= 500 else "400.html"
    page = render_to_string(template, {"sentence": failure.sentence})
    response = HttpResponse(page, status=failure.status)
    response["Cache-Control"] = "no-store"
    return response


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
