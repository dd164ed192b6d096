"""Parts of the OpenAPI description that endpoints share, and the page that shows the schema."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from drf_spectacular.views import SpectacularSwaggerSplitView

from annotation.api.errors import ProblemSerializer

_PROBLEM = OpenApiResponse(ProblemSerializer, description="A problem document (RFC 9457).")
PROBLEMS: dict[object, OpenApiResponse] = {
    (status, "application/problem+json"): _PROBLEM for status in (401, 403, 404, 409, 422, 429)
}
SAVE_PROBLEMS: dict[object, OpenApiResponse] = PROBLEMS | {
    (status, "application/problem+json"): _PROBLEM for status in (410, 428)
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


class DocsView(SpectacularSwaggerSplitView):
    """The schema as a page. Its script is a separate file, because the CSP demands it."""

    template_name = "annotation/api_docs.html"
    url_name = "api:schema"
