"""What every endpoint's OpenAPI description shares, and the page that shows the schema."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from drf_spectacular.views import SpectacularSwaggerSplitView

from annotation.api.serializers import ProblemSerializer

_PROBLEM = OpenApiResponse(ProblemSerializer, description="A problem document (RFC 9457).")
PROBLEMS: dict[object, OpenApiResponse] = {
    (status, "application/problem+json"): _PROBLEM for status in (401, 403, 404, 409, 422, 429)
}
SAVE_PROBLEMS: dict[object, OpenApiResponse] = PROBLEMS | {
    (status, "application/problem+json"): _PROBLEM for status in (410, 428)
}
PNG_BYTES: dict[object, object] = {(200, "image/png"): OpenApiTypes.BINARY, 304: None}
LABEL = OpenApiParameter("label", str, description="The label's key; `infection` by default.")


class DocsView(SpectacularSwaggerSplitView):
    """The schema as a page; the script is a file of its own, as the CSP demands."""

    template_name = "annotation/api_docs.html"
    url_name = "api:schema"
