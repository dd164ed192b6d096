"""`assignments/{id}/draft/`: the mask that a reader is drawing."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import storage
from annotation.api.authentication import user_of
from annotation.api.content_types import PNG, AnyAccept, PngParser
from annotation.api.etags import parse_etags, send_bytes
from annotation.api.reading.cases import draft_url
from annotation.api.reading.labels import reading_label
from annotation.api.schema import BASIS_HEADERS, LABEL, PNG_BYTES, PROBLEMS, SAVE_PROBLEMS
from annotation.errors import Invalid, StaleDraft
from annotation.models import Assignment, Draft, Label, LostDraft
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.reading.access import assignment_for
from annotation.services.reading.drafts import SavedDraft, current_draft, save_draft
from mlloop.pixels.masks import decode_mask, encode_wire_mask

Json = dict[str, object]
_STROKE_DIGITS = 10


class DraftBasisSerializer(serializers.Serializer[Json]):
    """The candidate and threshold that a draft was made from."""

    candidate = serializers.UUIDField(
        allow_null=True,
        default=None,
        help_text="The candidate that the mask was made from, if any.",
    )
    threshold = serializers.IntegerField(
        min_value=1,
        max_value=255,
        allow_null=True,
        default=None,
        help_text="The threshold of the candidate; refused in a blind read.",
    )


class SavedDraftSerializer(serializers.Serializer[Json]):
    """The result of a save."""

    etag = serializers.CharField()
    stroke = serializers.IntegerField()
    lease_expires_at = serializers.DateTimeField()


class DraftView(APIView):
    """`assignments/{id}/draft/?label=`: the whole mask. A save names the ETag that it replaces."""

    content_negotiation_class = AnyAccept
    parser_classes = (PngParser,)

    @extend_schema(
        operation_id="get_draft",
        parameters=[LABEL, *BASIS_HEADERS],
        responses={**PNG_BYTES, **PROBLEMS},
    )
    def get(self, request: Request, assignment_id: UUID) -> HttpResponse:
        assignment = assignment_for(user=user_of(request), assignment_id=assignment_id)
        draft = current_draft(assignment=assignment, label=_requested_label(request, assignment))
        return send_mask(request, draft)

    @extend_schema(
        operation_id="save_draft",
        parameters=[
            LABEL,
            DraftBasisSerializer,
            OpenApiParameter("If-Match", str, OpenApiParameter.HEADER),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
            OpenApiParameter("X-Stroke", int, OpenApiParameter.HEADER),
        ],
        request={PNG: OpenApiTypes.BINARY},
        responses={200: SavedDraftSerializer, 201: SavedDraftSerializer, **SAVE_PROBLEMS},
    )
    def put(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_for(user=user_of(request), assignment_id=assignment_id)
        label = _requested_label(request, assignment)
        try:
            saved = _save(request, assignment, label)
        except StaleDraft as stale:
            stale.current_url = draft_url(assignment.id, label.key)
            stale.yours_url = reverse("api:lost-draft", args=[assignment.id, stale.lost_draft])
            raise
        response = Response(
            SavedDraftSerializer(asdict(saved)).data, status=201 if saved.is_new else 200
        )
        response["ETag"] = f'"{saved.etag}"'
        return response


def send_mask(request: Request, row: Draft | LostDraft) -> HttpResponse:
    """Answer with a 1-bit PNG, or 304 if the caller has the mask. Headers hold the mask's basis."""
    response = send_bytes(
        request,
        encode_wire_mask(decode_mask(storage.read(row.mask_key))),
        etag=storage.digest_of(row.mask_key),
    )
    # A 304 has these headers too: a later save of the same mask may have another basis.
    response["X-Candidate"] = str(row.candidate_id or "")
    response["X-Threshold"] = str(row.threshold or "")
    return response


def _requested_label(request: Request, assignment: Assignment) -> Label:
    return reading_label(assignment, request.query_params.get("label", READING_LABEL))


def _save(request: Request, assignment: Assignment, label: Label) -> SavedDraft:
    matches = parse_etags(request.headers.get("If-Match"))
    stroke = request.headers.get("X-Stroke", "0")
    # isdigit alone is true for "²", and int refuses thousands of digits.
    if not (stroke.isascii() and stroke.isdigit() and len(stroke) <= _STROKE_DIGITS):
        raise Invalid(
            "X-Stroke must be the client's stroke number, a whole number.", field="X-Stroke"
        )
    basis = DraftBasisSerializer(data=request.query_params)
    basis.is_valid(raise_exception=True)
    return save_draft(
        assignment=assignment,
        reader=user_of(request),
        label=label,
        png=cast(bytes, request.data),
        if_match=matches[0] if matches else None,
        if_none_match=request.headers.get("If-None-Match"),
        stroke=int(stroke),
        **basis.validated_data,
    )
