"""Content types of requests and answers that are not JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any, cast

from django.utils.datastructures import MultiValueDict
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, DataAndFiles, JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from annotation.errors import Invalid
from mlloop.contract.json_text import JsonError, read_json_text

PNG = "image/png"
RAW = "application/octet-stream"
MAX_MASK_BYTES = 16 * 1024**2
MAX_JSON_BYTES = 1024**2


class StrictJsonParser(JSONParser):
    """Read a JSON body of at most MAX_JSON_BYTES, as UTF-8 whatever the request's charset says."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        data = stream.read(MAX_JSON_BYTES + 1)
        if len(data) > MAX_JSON_BYTES:
            limit = MAX_JSON_BYTES // 1024
            raise Invalid(f"The body is larger than {limit} kB.", code="too_large")
        try:
            # Any JSON value, whatever the type says: serializers refuse what is no object.
            return cast("dict[str, Any]", read_json_text(data))
        except JsonError as error:
            raise ParseError(f"The body cannot be read. {error}") from None


class PngParser(BaseParser):
    """Read a PNG body of at most MAX_MASK_BYTES."""

    media_type = PNG

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> DataAndFiles[bytes, MultiValueDict[str, object]]:
        data = stream.read(MAX_MASK_BYTES + 1)
        if len(data) > MAX_MASK_BYTES:
            limit = MAX_MASK_BYTES // 1024**2
            raise Invalid(f"The mask is larger than {limit} MB.", code="too_large", field="mask")
        return DataAndFiles(data, MultiValueDict())


class AnyAccept(DefaultContentNegotiation):
    """Accept every Accept header, because the view itself chooses among its formats."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""


def wants_raw(request: Request) -> bool:
    """Return whether the caller asks for raw pixel values instead of a PNG."""
    return RAW in request.headers.get("Accept", "")
