"""Parts of the OpenAPI description that endpoints share, and the page that shows the schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from drf_spectacular.views import SpectacularSwaggerSplitView

from annotation.api.errors import PROBLEM_JSON, ProblemSerializer

Schema = dict[str, Any]  # a decoded OpenAPI document

_PROBLEM = OpenApiResponse(ProblemSerializer, description="A problem document (RFC 9457).")
# Any endpoint may answer with these. 400 is a request that cannot be read; 503 and 507 are a
# database or a disk that cannot take it.
_ANYWHERE = (400, 401, 403, 404, 406, 409, 413, 415, 422, 429, 503, 507)
PROBLEMS: dict[object, OpenApiResponse] = {(status, PROBLEM_JSON): _PROBLEM for status in _ANYWHERE}
SAVE_PROBLEMS: dict[object, OpenApiResponse] = PROBLEMS | {
    (status, PROBLEM_JSON): _PROBLEM for status in (410, 428)
}
PNG_BYTES: dict[object, object] = {(200, "image/png"): OpenApiTypes.BINARY, 304: None}
BASIS_HEADERS = [
    OpenApiParameter(
        name,
        str,
        OpenApiParameter.HEADER,
        response=[200],
        description=f"{meaning} Empty if the mask was drawn without a candidate.",
    )
    for name, meaning in (
        ("X-Candidate", "The candidate that the mask was made from."),
        ("X-Threshold", "The threshold of that candidate, 1 to 255; never in a blind read."),
    )
]
LABEL = OpenApiParameter("label", str, description="The label's key; `infection` by default.")


_DATABASE_LIMITS = {2**15 - 1, 2**31 - 1, 2**63 - 1, -(2**15), -(2**31), -(2**63)}


def drop_database_limits(result: object, **_context: object) -> object:
    """Remove the integer ranges of SQLite or PostgreSQL: the API is the same on both."""
    if isinstance(result, dict):
        if result.get("type") == "integer":
            for bound in ("minimum", "maximum"):
                if result.get(bound) in _DATABASE_LIMITS:
                    del result[bound]
                    result.pop("format", None)
        for inner in result.values():
            drop_database_limits(inner)
    elif isinstance(result, list):
        for inner in result:
            drop_database_limits(inner)
    return result


def share_problems(result: Schema, **_context: object) -> Schema:
    """Describe the problem document once. Every endpoint has a dozen of them."""
    problem = None
    for operations in result["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            for status, answer in answers.items():
                if list(answer.get("content", ())) == [PROBLEM_JSON]:
                    problem = answer
                    answers[status] = {"$ref": "#/components/responses/Problem"}
    result["components"]["responses"] = {"Problem": problem}
    return result


class DocsView(SpectacularSwaggerSplitView):
    """The schema as a page. Its script is a separate file, because the CSP demands it."""

    template_name = "annotation/api_docs.html"
    url_name = "api:schema"
