"""Turn every error into a problem document (RFC 9457). Only this module maps errors to HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from rest_framework import exceptions, serializers

from annotation import errors
from annotation.api.failures import Failure, outside_failure

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
_STATUS: dict[type[errors.RoundtruthError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.LeaseLost: HTTPStatus.GONE,
    errors.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Refused: HTTPStatus.CONFLICT,
}
_CODES = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.UNAUTHORIZED: "not_signed_in",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.NOT_ACCEPTABLE: "not_acceptable",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
}


class ProblemSerializer(serializers.Serializer[dict[str, object]]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    field = serializers.CharField(required=False)
    current_etag = serializers.CharField(required=False)
    yours_etag = serializers.CharField(required=False)
    current_url = serializers.CharField(required=False, allow_null=True)
    yours_url = serializers.CharField(required=False, allow_null=True)


def problem_response(exc: Exception, context: dict[str, object]) -> HttpResponse | None:
    """Return the problem document of an exception; None for a bug, which becomes a 500."""
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, errors.RoundtruthError):
        return _domain_problem(exc)
    if isinstance(exc, exceptions.APIException):
        return _framework_problem(exc)
    failure = outside_failure(exc)
    if failure is None:
        return None
    log.error("%s: %s", failure.code, exc, exc_info=exc)
    return problem_of(failure)


def problem_of(failure: Failure) -> JsonResponse:
    """Return the problem document of a failure."""
    response = problem(failure.status, code=failure.code, detail=failure.sentence)
    if failure.retry_after:
        response["Retry-After"] = str(failure.retry_after)
    return response


def problem(
    status: HTTPStatus, *, code: str, detail: str, field: str | None = None, **extra: str | None
) -> JsonResponse:
    """Return a response with one problem document."""
    body: dict[str, str | int | None] = {
        "type": f"urn:roundtruth:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
    }
    if field:
        body["field"] = field
    response = JsonResponse(body | extra, status=status, content_type=PROBLEM_JSON)
    response["Cache-Control"] = "no-store"
    return response


def _domain_problem(error: errors.RoundtruthError) -> HttpResponse:
    status = next(
        (_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS),
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )
    extra: dict[str, str | None] = {}
    if isinstance(error, errors.StaleDraft):
        extra = {
            "current_etag": error.current_etag,
            "yours_etag": error.yours_etag,
            "current_url": error.current_url,
            "yours_url": error.yours_url,
        }
    if isinstance(error, errors.DraftMoved) and error.current_etag:
        extra = {"current_etag": error.current_etag, "current_url": error.current_url}
    response = problem(status, code=error.code, detail=error.sentence, field=error.field, **extra)
    if isinstance(error, errors.TooManyAttempts):
        response["Retry-After"] = str(error.seconds)
    return response


def _framework_problem(error: exceptions.APIException) -> HttpResponse:
    status = HTTPStatus(error.status_code)
    field, detail = None, str(error.detail)
    if isinstance(error, exceptions.ValidationError):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        field, detail = next(_complaints(error.detail), (None, "The request is not valid."))
    detail = detail if detail.endswith((".", "!", "?")) else f"{detail}."
    response = problem(status, code=_code(error, status), detail=detail, field=field)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait) + 1)
    return response


def _code(error: exceptions.APIException, status: HTTPStatus) -> str:
    """Return the code that the raiser chose, otherwise the code of the status."""
    code = error.get_codes() if not isinstance(error, exceptions.ValidationError) else None
    if isinstance(code, str) and code not in (error.default_code, "error"):
        return code
    return _CODES.get(status, "error")


def _complaints(detail: object, path: str = "") -> Iterator[tuple[str | None, str]]:
    """Yield (field, sentence) for every part of a nested validation error, in order."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            key = "" if name == "non_field_errors" else str(name)
            yield from _complaints(inner, f"{path}.{key}".strip("."))
    elif isinstance(detail, list):
        for inner in cast("list[object]", detail):
            yield from _complaints(inner, path)
    else:
        yield path or None, str(detail)
